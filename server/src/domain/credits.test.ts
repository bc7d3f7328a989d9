import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Balance, nextRefillAt, type Refill, refilled, spendFrom } from "./credits.ts";

const dayMs = 86_400_000;

const at = (iso: string) => Date.parse(iso);

test.each([
  ["2026-01-15T12:00:00.000Z", "2026-01-16T00:00:00.000Z"],
  ["2026-01-15T00:00:00.000Z", "2026-01-16T00:00:00.000Z"],
  ["2026-01-15T23:59:59.999Z", "2026-01-16T00:00:00.000Z"],
  ["2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z"],
  ["2028-02-28T06:00:00.000Z", "2028-02-29T00:00:00.000Z"],
])("a daily refill after %s comes at %s", (after, next) => {
  expect(nextRefillAt({ interval: "daily" }, at(after))).toBe(at(next));
});

test.each([
  [1, "2026-01-15T12:00:00.000Z", "2026-02-01T00:00:00.000Z"],
  [1, "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"],
  [20, "2026-01-15T12:00:00.000Z", "2026-01-20T00:00:00.000Z"],
  [31, "2026-01-31T00:00:00.000Z", "2026-02-28T00:00:00.000Z"],
  [31, "2026-02-27T23:59:59.999Z", "2026-02-28T00:00:00.000Z"],
  [31, "2026-02-28T00:00:00.000Z", "2026-03-31T00:00:00.000Z"],
  [31, "2026-03-31T00:00:00.000Z", "2026-04-30T00:00:00.000Z"],
  [30, "2028-01-30T00:00:00.000Z", "2028-02-29T00:00:00.000Z"],
  [29, "2028-02-01T00:00:00.000Z", "2028-02-29T00:00:00.000Z"],
  [29, "2100-01-29T00:00:00.000Z", "2100-02-28T00:00:00.000Z"],
  [31, "2026-12-31T00:00:00.000Z", "2027-01-31T00:00:00.000Z"],
])("a monthly refill on day %p after %s comes at %s", (day, after, next) => {
  expect(nextRefillAt({ interval: "monthly", day }, at(after))).toBe(at(next));
});

/** The first midnight after `afterMs` on which the rule says to refill, found by trying one after the other. */
function firstByTrying(refill: Refill, afterMs: number): number {
  for (let midnight = Math.floor(afterMs / dayMs) * dayMs; ; midnight += dayMs) {
    const tomorrow = new Date(midnight + dayMs).getUTCDate();
    const today = new Date(midnight).getUTCDate();
    const isLastDay = tomorrow === 1;
    const isDay = refill.interval === "daily" || today === refill.day || (isLastDay && today < refill.day);
    if (isDay && midnight > afterMs) return midnight;
  }
}

test("the next refill is the first midnight in UTC that fits the rule", () => {
  const refills = fc.oneof(
    fc.constant<Refill>({ interval: "daily" }),
    fc.integer({ min: 1, max: 31 }).map((day): Refill => ({ interval: "monthly", day })),
  );
  const instants = fc.integer({ min: at("2000-01-01T00:00:00Z"), max: at("2101-01-01T00:00:00Z") });
  fc.assert(
    fc.property(refills, instants, (refill, afterMs) => {
      expect(nextRefillAt(refill, afterMs)).toBe(firstByTrying(refill, afterMs));
    }),
    { numRuns: 2_000 },
  );
});

test("a day that no month has still gives a refill in the future, so that none is made twice", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: at("2101-01-01T00:00:00Z") }), (day, afterMs) => {
      expect(nextRefillAt({ interval: "monthly", day }, afterMs)).toBeGreaterThan(afterMs);
    }),
  );
});

const start = at("2026-01-15T12:00:00Z");
const balances: fc.Arbitrary<Balance> = fc
  .record({
    remaining: fc.option(fc.nat({ max: 20 })),
    refillAmount: fc.option(fc.integer({ min: 1, max: 20 })),
    refillDay: fc.option(fc.integer({ min: 1, max: 31 })),
    nextRefillAtMs: fc.integer({ min: start - 90 * dayMs, max: start + 90 * dayMs }),
  })
  .map((balance) => ({
    ...balance,
    nextRefillAtMs: balance.refillAmount === null ? null : balance.nextRefillAtMs,
  }));
const spends = fc
  .array(fc.record({ cost: fc.nat({ max: 12 }), waitMs: fc.constantFrom(0, 1, dayMs, 40 * dayMs) }), {
    maxLength: 30,
    size: "max",
  })
  .map((all) => {
    let nowMs = start;
    return all.map(({ cost, waitMs }) => {
      nowMs += waitMs;
      return { cost, nowMs };
    });
  });

test("what is granted is never more than there was and what was refilled, and nothing is ever below 0", () => {
  fc.assert(
    fc.property(balances, spends, (balance, wanted) => {
      const { after, spent } = spendFrom(balance, wanted);
      let left = balance;
      for (const [index, { cost, nowMs }] of wanted.entries()) {
        const outcome = spent[index];
        if (left.remaining === null) {
          expect(outcome).toBe("unlimited");
          continue;
        }
        left = refilled(left, nowMs);
        const before = left.remaining ?? 0;
        const granted = cost <= before;
        const remaining = granted ? before - cost : before;
        expect(outcome).toEqual({ granted, remaining });
        expect(remaining).toBeGreaterThanOrEqual(0);
        left = { ...left, remaining };
      }
      expect(after).toEqual(left);
    }),
  );
});

test("a refill that is due is made once, however often and however late it is asked for", () => {
  fc.assert(
    fc.property(balances, fc.nat({ max: 400 * dayMs }), (balance, laterMs) => {
      const nowMs = start + laterMs;
      const once = refilled(balance, nowMs);
      expect(refilled(once, nowMs)).toEqual(once);
      const isDue = balance.nextRefillAtMs !== null && balance.nextRefillAtMs <= nowMs;
      if (!isDue) expect(once).toEqual(balance);
      else expect(once.remaining).toBe(balance.refillAmount);
      if (once.nextRefillAtMs !== null) expect(once.nextRefillAtMs).toBeGreaterThan(nowMs);
    }),
  );
});
