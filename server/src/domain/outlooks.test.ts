import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { type Account, accountAt, availableIn, type Cost, charge, giveBack, unitsOf } from "./accounts.ts";
import { firstTime, type Outlook, outlookOf, type ReturnedUnits } from "./outlooks.ts";
import { newQuota, nextResetsMs, type Quota, type QuotaRule } from "./quotas.ts";

const hourMs = 3_600_000;
// the clocks in Berlin change on 29 March
const startMs = Date.parse("2026-03-28T10:30:00Z");
const rule: QuotaRule = {
  name: "q0",
  limit: 5,
  unit: "day",
  every: 1,
  timeZone: "UTC",
  anchor: "calendar",
  rolloverMax: 0,
  overage: "refuse",
  thresholds: [],
  autoApply: false,
};
const owner = { id: "sub_1", workspaceId: "ws_1", kind: "key", creditsEpoch: 0 } as const;
const unlimited = { remaining: null, refillAmount: null, refillDay: null, nextRefillAtMs: null };

/** The simple definition of the account at `ms`: every hold that expires until then gives back its units. */
function jump(account: Account, returns: readonly ReturnedUnits[], ms: number): Account {
  const current = returns
    .filter(({ atMs }) => atMs <= ms)
    .reduce((before, one) => giveBack(accountAt(before, one.atMs), one, one.units, one.atMs), account);
  return accountAt(current, ms);
}

/** The account after holds took units at `startMs`, and what the holds give back. */
function withHolds(
  account: Account,
  holds: readonly { of: string | undefined; units: number; hours: number }[],
) {
  let current = accountAt(account, startMs);
  const returns: ReturnedUnits[] = [];
  for (const { of, units, hours } of holds) {
    const { accounts, taken } = charge([current], unitsOf(of, units), startMs);
    current = accounts[0] ?? current;
    returns.push(
      ...taken.map(({ quota, taken }) => ({ quota, taken, units, atMs: startMs + hours * hourMs })),
    );
  }
  return { account: current, returns: returns.sort((one, other) => one.atMs - other.atMs) };
}

const grants = fc
  .array(
    fc.record({ left: fc.integer({ min: 1, max: 3 }), hours: fc.option(fc.integer({ min: 1, max: 60 })) }),
    {
      maxLength: 3,
    },
  )
  .map((all) =>
    all.map(({ left, hours }, index) => ({
      id: `grant${index}`,
      amount: left,
      left,
      expiresAtMs: hours === null ? null : startMs + hours * hourMs,
    })),
  );
const quotas = fc
  .array(
    fc.record({
      limit: fc.nat(5),
      unit: fc.constantFrom<QuotaRule["unit"]>("hour", "day", "week"),
      every: fc.constantFrom(1, 5, 7),
      timeZone: fc.constantFrom("UTC", "Europe/Berlin"),
      anchor: fc.constantFrom<QuotaRule["anchor"]>("calendar", "first_use", startMs - 20 * hourMs),
      rolloverMax: fc.nat(4),
      overage: fc.constantFrom<QuotaRule["overage"]>("refuse", "allow", 7),
      grants,
      isRemoved: fc.boolean(),
    }),
    { maxLength: 3 },
  )
  .map((all) => all.map((one, index): Quota => ({ ...newQuota(rule, startMs), ...one, name: `q${index}` })));
const credits = fc.oneof(
  fc.constant(unlimited),
  fc.record({
    remaining: fc.nat(5),
    refillAmount: fc.constantFrom(null, 6),
    refillDay: fc.constantFrom(null, 30),
    nextRefillAtMs: fc.constant(Date.parse("2026-03-29T00:00:00Z")),
  }),
);
const some = fc.constantFrom("q0", "q1", "q2", undefined);
const holds = fc.array(
  fc.record({ of: some, units: fc.integer({ min: 1, max: 4 }), hours: fc.integer({ min: 1, max: 24 }) }),
  { maxLength: 8 },
);
const costs = fc.record({ q0: fc.nat(9), q1: fc.nat(9), q2: fc.nat(9), credits: fc.nat(6) });

/** The units that are available at `ms` according to the outlook. */
function availableAt(outlook: Outlook, quota: string | undefined, ms: number): number | undefined {
  return outlook.steps(quota).findLast(({ atMs }) => atMs <= ms)?.available;
}

test("at any time, an outlook shows what the account has after all holds until that time have expired", () => {
  const later = fc.array(fc.nat(24 * 60), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(quotas, credits, holds, fc.nat(30), later, (quotas, credits, holds, waited, hours) => {
      const { account, returns } = withHolds({ ...owner, credits, quotas }, holds);
      const fromMs = startMs + waited * hourMs;
      const current = jump(account, returns, fromMs);
      const outlook = outlookOf(
        current,
        returns.filter(({ atMs }) => atMs > fromMs),
        fromMs,
      );
      const times = [...returns.map(({ atMs }) => atMs), ...current.quotas.flatMap(nextResetsMs)]
        .flatMap((ms) => [ms - 1, ms])
        .concat(hours.map((hour) => fromMs + hour * hourMs));
      for (const ms of times.filter((ms) => ms >= fromMs)) {
        for (const quota of [undefined, ...current.quotas.map(({ name }) => name)]) {
          expect(availableAt(outlook, quota, ms)).toBe(availableIn([jump(account, returns, ms)], quota));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("the first time at which all needs are met is the first change of the account after which a charge passes", () => {
  let waited = 0;
  fc.assert(
    fc.property(quotas, credits, holds, costs, (quotas, credits, holds, asked) => {
      const kept = quotas.map((quota) => ({ ...quota, isRemoved: false }));
      const { account, returns } = withHolds({ ...owner, credits, quotas: kept }, holds);
      const outlook = outlookOf(account, returns, startMs);
      const named = kept.map(({ name }) => [name, asked[name as "q0"]] as const);
      const cost: Cost = { credits: asked.credits, quotas: new Map(named), automatic: undefined };
      const changes = [
        ...returns.map(({ atMs }) => atMs),
        account.credits.nextRefillAtMs ?? startMs,
        ...account.quotas.flatMap(nextResetsMs),
      ];
      const times = [startMs, ...changes.sort((one, other) => one - other)];
      const expected = times.find((ms) => charge([jump(account, returns, ms)], cost, ms).granted);
      const needs = [[undefined, asked.credits] as const, ...named].map(([quota, cost]) => ({
        steps: outlook.steps(quota),
        cost,
      }));
      expect(firstTime(needs, startMs)).toBe(expected);
      if (expected !== undefined && expected > startMs) waited += 1;
    }),
    { numRuns: 300 },
  );
  expect(waited).toBeGreaterThan(20);
});

test("the outlook of a quota computes three periods, however many holds and grants it has", () => {
  const instants = spyOn(Temporal.Instant, "fromEpochMilliseconds");
  const countFor = (count: number): number => {
    const grants = Array.from({ length: count }, (_, n) => ({
      id: `grant${n}`,
      amount: 1,
      left: 1,
      expiresAtMs: startMs + n * 30 * hourMs + 1,
    }));
    const quota = { ...newQuota(rule, startMs), anchor: startMs - 1, limit: 5_000, grants };
    const holds = Array.from({ length: 10 * count }, (_, n) => ({ of: "q0", units: 1, hours: 1 + (n % 24) }));
    const { account, returns } = withHolds({ ...owner, credits: unlimited, quotas: [quota] }, holds);
    expect(returns).toHaveLength(10 * count);
    const outlook = outlookOf(account, returns, startMs);
    instants.mockClear();
    expect(outlook.steps("q0").length).toBeGreaterThan(10 * count);
    return instants.mock.calls.length;
  };
  try {
    const few = countFor(1);
    expect(few).toBeGreaterThan(0);
    expect(countFor(100)).toBe(few);
  } finally {
    instants.mockRestore();
  }
});
