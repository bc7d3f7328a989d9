import { expect, test } from "bun:test";
import fc from "fast-check";
import { type CountedUse, periodMs, planAdditions, type UsageAddition } from "./usage.ts";

const dayMs = periodMs.day;
const maybe = (...ids: string[]) => fc.constantFrom(undefined, ...ids);
const counted: fc.Arbitrary<CountedUse> = fc
  .record({
    minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
    keyId: maybe("key_1", "key_2"),
    identityId: maybe("id_1"),
    apiId: maybe("api_1", "api_2"),
    namespaceId: maybe("rlns_1"),
    outcome: fc.constantFrom("VALID", "EXPIRED"),
    tags: fc.uniqueArray(fc.constantFrom("a", "b", "a/b", "VALID/a"), { maxLength: 3 }),
    count: fc.integer({ min: 1, max: 1_000 }),
    credits: fc.integer({ min: 0, max: 50 }),
  })
  .map(({ minute, ...rest }) => {
    const minuteMs = 20_000 * dayMs + minute * periodMs.minute;
    return { ...rest, workspaceId: "ws_1", minuteMs, atMs: minuteMs, lastMs: minuteMs };
  });

const subjectsOf = (use: CountedUse) => [use.keyId, use.identityId, use.apiId, use.namespaceId];

/** The sums that one row must hold, taken over all uses one by one. */
function sumsFor(uses: readonly CountedUse[], row: UsageAddition) {
  const within = uses.filter(
    (use) =>
      subjectsOf(use).includes(row.subjectId) &&
      use.outcome === row.outcome &&
      (row.tag === "" || use.tags.includes(row.tag)) &&
      use.minuteMs >= row.startMs &&
      use.minuteMs < row.startMs + periodMs[row.period],
  );
  return {
    count: within.reduce((sum, use) => sum + use.count, 0),
    credits: within.reduce((sum, use) => sum + use.credits, 0),
  };
}

test("every row holds the sums of what belongs to it, no row comes twice, and none is missing", () => {
  const property = fc.property(fc.array(counted, { maxLength: 30 }), (uses) => {
    const rows = planAdditions(uses);
    for (const row of rows) {
      expect({ count: row.count, credits: row.credits }).toEqual(sumsFor(uses, row));
      expect(row.startMs % periodMs[row.period]).toBe(0);
    }
    const names = rows.map((row) => JSON.stringify({ ...row, count: 0, credits: 0 }));
    expect(new Set(names).size).toBe(rows.length);
    for (const period of ["minute", "hour", "day"]) {
      const all = rows.filter((row) => row.period === period && row.tag === "");
      const expected = uses.reduce(
        (sum, use) => sum + use.count * subjectsOf(use).filter((id) => id !== undefined).length,
        0,
      );
      expect(all.reduce((sum, row) => sum + row.count, 0)).toBe(expected);
    }
  });
  fc.assert(property, { numRuns: 300 });
});
