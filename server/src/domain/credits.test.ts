import { expect, test } from "bun:test";
import fc from "fast-check";
import { accountAt, charge, creditsOnly } from "./accounts.ts";
import { type Balance, nextRefillAt, type Refill, refilled } from "./credits.ts";

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

/** The first midnight after `afterMs` at which the rule refills, found by trying one midnight after the other. */
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

test("a day that no month has still gives a refill in the future, so that no refill happens twice", () => {
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
const costs = fc.array(fc.record({ cost: fc.nat({ max: 12 }) }), { maxLength: 30, size: "max" });
const spends = fc
  .array(fc.record({ costs, waitMs: fc.constantFrom(0, 1, dayMs, 40 * dayMs) }), { maxLength: 4 })
  .map((all) => {
    let nowMs = start;
    return all.map(({ costs, waitMs }) => {
      nowMs += waitMs;
      return { costs, nowMs };
    });
  });

type Spent = { isCharged: boolean; remaining: number } | "unlimited";

/** Spends the costs one after the other from an account with this balance. Returns the last balance and each result. */
function spendFrom(balance: Balance, costs: readonly { cost: number }[], nowMs: number) {
  const owner = { id: "key_1", workspaceId: "ws_1", kind: "key" as const };
  let account = accountAt({ ...owner, credits: balance, creditsEpoch: 0, quotas: [] }, nowMs);
  const spent = costs.map(({ cost }): Spent => {
    const { accounts, isCharged, credits } = charge([account], creditsOnly(cost), nowMs);
    account = accounts[0] ?? account;
    return credits === undefined ? "unlimited" : { isCharged, remaining: credits.remaining };
  });
  return { after: account.credits, spent };
}

test("all costs that are granted never exceed the balance and its refills, and no balance falls below 0", () => {
  fc.assert(
    fc.property(balances, spends, (balance, wanted) => {
      let left = balance;
      for (const { costs, nowMs } of wanted) {
        const { after, spent } = spendFrom(left, costs, nowMs);
        expect({ after, spent }).toEqual(spentOneByOne(left, costs, nowMs));
        expect(after.remaining ?? 0).toBeGreaterThanOrEqual(0);
        left = after;
      }
    }),
  );
});

function spentOneByOne(
  balance: Balance,
  costs: readonly { cost: number }[],
  nowMs: number,
): { after: Balance; spent: Spent[] } {
  if (balance.remaining === null) return { after: balance, spent: costs.map((): Spent => "unlimited") };
  let after = refilled(balance, nowMs);
  const spent = costs.map(({ cost }) => {
    const before = after.remaining ?? 0;
    const remaining = cost <= before ? before - cost : before;
    after = { ...after, remaining };
    return { isCharged: cost <= before, remaining };
  });
  return { after, spent };
}

test("a refill that is due happens once, however often and however late the balance is read", () => {
  fc.assert(
    fc.property(balances, fc.nat({ max: 400 * dayMs }), (balance, laterMs) => {
      const nowMs = start + laterMs;
      const once = refilled(balance, nowMs);
      expect(refilled(once, nowMs)).toEqual(once);
      const isDue = balance.nextRefillAtMs !== null && balance.nextRefillAtMs <= nowMs;
      if (!isDue) expect({ ...once, nextRefillAtMs: balance.nextRefillAtMs }).toEqual(balance);
      else expect(once.remaining).toBe(balance.refillAmount);
      if (once.nextRefillAtMs !== null) expect(once.nextRefillAtMs).toBeGreaterThan(nowMs);
    }),
  );
});

test.each<[string, Refill]>([
  ["daily", { interval: "daily" }],
  ["monthly", { interval: "monthly", day: 16 }],
])("a clock that was wrong once neither holds back a %s refill nor gives one twice", (_, schedule) => {
  const rightMs = at("2026-01-15T23:30:00Z");
  const dueMs = at("2026-01-16T00:00:00Z");
  const followingMs = nextRefillAt(schedule, dueMs);
  const day = schedule.interval === "monthly" ? schedule.day : null;
  const empty = { remaining: 0, refillAmount: 5, refillDay: day, nextRefillAtMs: dueMs };
  /** the balance after a clock that was wrong by `byMs` refilled it if that seemed due, and all credits were spent */
  const wrongOnce = (byMs: number) => ({ ...refilled(empty, rightMs + byMs), remaining: 0 });
  const hourMs = 3_600_000;

  const fast = wrongOnce(hourMs);
  expect(refilled(fast, rightMs).remaining).toBe(0);
  expect(refilled(fast, dueMs).remaining).toBe(0);
  expect(refilled(fast, followingMs - 1).remaining).toBe(0);
  expect(refilled(fast, followingMs).remaining).toBe(5);

  const slow = wrongOnce(-hourMs);
  expect(refilled(slow, dueMs - 1).remaining).toBe(0);
  expect(refilled(slow, dueMs).remaining).toBe(5);

  for (const years of [1, 8, -8]) {
    const seen = refilled(wrongOnce(years * 365 * dayMs), rightMs);
    // The clock that was 8 years behind has stored a next refill of that time. It is due at once, so it is too early.
    expect(seen).toMatchObject({ remaining: years > 0 ? 0 : 5, nextRefillAtMs: dueMs });
    expect(refilled({ ...seen, remaining: 0 }, dueMs - 1).remaining).toBe(0);
    expect(refilled({ ...seen, remaining: 0 }, dueMs).remaining).toBe(5);
  }
});
