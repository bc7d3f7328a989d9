import { expect, test } from "bun:test";
import fc from "fast-check";
import { fairShare } from "./fairShares.ts";

const sizes = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 12 });
const budgets = fc.integer({ min: 0, max: 8_000 });
const kept = (all: readonly number[], share: number) =>
  all.reduce((sum, size) => sum + Math.min(size, share), 0);

test("what all keep together fits the budget, and uses it up if it is too small for everything", () => {
  fc.assert(
    fc.property(sizes, budgets, (all, budget) => {
      const share = fairShare(all, budget);
      expect(kept(all, share)).toBeLessThanOrEqual(budget);
      if (share !== Number.POSITIVE_INFINITY) expect(kept(all, share)).toBeGreaterThan(budget - all.length);
    }),
    { numRuns: 500 },
  );
});

test("a store that needs no more than an equal share keeps everything, however large the others are", () => {
  fc.assert(
    fc.property(sizes, budgets, fc.integer({ min: 0, max: 1_000 }), (others, budget, mine) => {
      fc.pre(mine <= budget / (others.length + 1));
      expect(fairShare([...others, mine], budget)).toBeGreaterThanOrEqual(mine);
    }),
    { numRuns: 500 },
  );
});
