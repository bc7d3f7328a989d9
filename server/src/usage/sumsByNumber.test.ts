import { expect, test } from "bun:test";
import fc from "fast-check";
import { sumsByNumber } from "./sumsByNumber.ts";

const numbers = fc.oneof(
  fc.integer({ min: 1, max: 30 }),
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 2 ** 32 - 1 }),
);
const counts = fc.oneof(fc.integer({ min: -1, max: 1 }), fc.integer({ min: -3, max: 3 }), fc.nat(2 ** 40));

test("the largest sums are the same as those that a Map gives, in the same order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(numbers, counts), { maxLength: 400, size: "max" }),
      fc.integer({ min: 1, max: 50 }),
      (added, limit) => {
        const sums = sumsByNumber(2 ** 20);
        const expected = new Map<number, number>();
        for (const [no, count] of added) {
          expect(sums.add(no, count)).toBe(true);
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

test("sums that have fallen to 0 take no memory", () => {
  const sums = sumsByNumber(2 ** 20);
  const { add, bytes, largest } = sums;
  const before = bytes();
  for (let no = 1; no <= 10_000; no += 1) {
    add(no, 2);
    if (no > 20) add(no - 20, -2);
  }
  expect(bytes()).toBe(before);
  expect(largest(100).map(({ no }) => no)).toEqual(Array.from({ length: 20 }, (_, index) => 9_981 + index));
});

test("a number is not added if it is beyond 2^32 - 1 or below 1, or if the table is full and may not grow", () => {
  const { add, bytes, largest } = sumsByNumber(128 * 12);
  expect([2 ** 32, 2 ** 32 + 7, 0, -1].map((no) => add(no, 1))).toEqual([false, false, false, false]);
  const added = Array.from({ length: 200 }, (_, index) => add(index + 1, 1));
  expect(added.lastIndexOf(true)).toBe(95);
  expect(added.indexOf(false)).toBe(96);
  expect(bytes()).toBe(128 * 12);
  expect(add(50, 4)).toBe(true);
  expect(largest(1)).toEqual([{ no: 50, count: 5 }]);
});
