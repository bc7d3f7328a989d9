import { expect, test } from "bun:test";
import fc from "fast-check";
import { sumsByNumber } from "./sumsByNumber.ts";

const numbers = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }));
const counts = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.nat(2 ** 40));

test("sums are those of a Map, and the largest are the first of all that are positive in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(numbers, counts), { maxLength: 400, size: "max" }),
      fc.integer({ min: 1, max: 50 }),
      (added, limit) => {
        const sums = sumsByNumber();
        const expected = new Map<number, number>();
        for (const [no, count] of added) {
          sums.add(no, count);
          expected.set(no, (expected.get(no) ?? 0) + count);
        }
        const positive = [...expected].map(([no, count]) => ({ no, count })).filter(({ count }) => count > 0);
        const inOrder = positive.sort((one, other) => other.count - one.count || one.no - other.no);
        expect(sums.largest(limit)).toEqual(inOrder.slice(0, limit));
      },
    ),
    { numRuns: 300 },
  );
});
