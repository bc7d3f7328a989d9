import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { periodAt } from "./periods.ts";
import {
  availableOf,
  giveBackTo,
  newQuota,
  type Quota,
  type QuotaRule,
  quotaAt,
  remainingOf,
  takeFrom,
  withRule,
} from "./quotas.ts";

const at = (iso: string) => Date.parse(iso);
const hourMs = 3_600_000;
const january = at("2026-01-15T12:00:00Z");
const rule: QuotaRule = {
  name: "requests",
  limit: 100,
  unit: "month",
  every: 1,
  timeZone: "UTC",
  anchor: "calendar",
  rolloverMax: 0,
  overage: "refuse",
  thresholds: [],
  autoApply: true,
};
const quota = (more: Partial<Quota> = {}) => ({ ...newQuota(rule, january), ...more });
const grant = (id: string, left: number, expires: string | null) => ({
  id,
  amount: left,
  left,
  expiresAtMs: expires === null ? null : at(expires),
});

/** The quota after a request at `nowMs` has used units. */
function use(before: Quota, units: number, nowMs = january): Quota {
  return takeFrom(quotaAt(before, nowMs), units, nowMs).after;
}

describe("a period", () => {
  test("that ends sets use to 0", () => {
    const used = use(quota(), 60);
    expect(remainingOf(quotaAt(used, at("2026-01-31T23:59:59.999Z")))).toBe(40);
    expect(remainingOf(quotaAt(used, at("2026-02-01T00:00:00Z")))).toBe(100);
  });

  test("that begins with the first use ends a day later, and the next period begins with the next use", () => {
    const fresh = quota({ anchor: "first_use", unit: "day" });
    expect(quotaAt(fresh, january).period).toBeNull();
    expect(use(fresh, 0).period).toBeNull();
    const used = use(fresh, 1);
    expect(used.period).toEqual({ startMs: january, endMs: january + 24 * hourMs });
    const idle = quotaAt(used, january + 30 * hourMs);
    expect([idle.period, idle.used]).toEqual([null, 0]);
    expect(use(idle, 1, january + 40 * hourMs).period?.startMs).toBe(january + 40 * hourMs);
  });
});

describe("rollover", () => {
  const rolling = quota({ rolloverMax: 20 });

  test.each([
    [70, 20],
    [90, 10],
    [100, 0],
  ])("carries what is unused of the limit, up to its maximum: after %d used, %d", (used, carried) => {
    expect(quotaAt(use(rolling, used), at("2026-02-01T00:00:00Z")).carried).toBe(carried);
  });

  test("happens once for several periods without use", () => {
    expect(remainingOf(quotaAt(use(rolling, 95), at("2026-06-10T00:00:00Z")))).toBe(120);
  });

  test("never carries what was carried, granted or overage", () => {
    const generous = quota({ rolloverMax: 20, grants: [grant("g", 50, null)], overage: "allow" });
    const february = quotaAt(use(generous, 10), at("2026-02-10T00:00:00Z"));
    expect(february.carried).toBe(20);
    const march = quotaAt(use(february, 120, at("2026-02-10T00:00:00Z")), at("2026-03-10T00:00:00Z"));
    expect([march.carried, march.grants[0]?.left]).toEqual([0, 50]);
  });
});

describe("the units that end soonest are spent first:", () => {
  const full = quota({
    carried: 10,
    period: periodAt({ ...rule, anchor: "calendar" }, january),
    overage: 130,
    grants: [grant("soon", 5, "2026-01-20T00:00:00Z"), grant("later", 7, "2026-03-01T00:00:00Z")],
  });

  test.each([
    [5, { soon: 0, carried: 10, used: 0, later: 7 }],
    [15, { soon: 0, carried: 0, used: 0, later: 7 }],
    [115, { soon: 0, carried: 0, used: 100, later: 7 }],
    [122, { soon: 0, carried: 0, used: 100, later: 0 }],
    [152, { soon: 0, carried: 0, used: 130, later: 0 }],
  ])("of %d units", (units, expected) => {
    const { after } = takeFrom(full, units, january);
    const [soon, later] = after.grants;
    expect({ soon: soon?.left, carried: after.carried, used: after.used, later: later?.left }).toEqual(
      expected,
    );
  });

  test("overage is spent last, up to its number", () => {
    expect([remainingOf(full), availableOf(full)]).toEqual([122, 152]);
  });
});

test("an expired grant cannot be spent", () => {
  const granted = quota({ grants: [grant("g", 5, "2026-01-20T00:00:00Z")] });
  expect(availableOf(quotaAt(granted, at("2026-01-19T23:59:59.999Z")))).toBe(105);
  expect(availableOf(quotaAt(granted, at("2026-01-20T00:00:00Z")))).toBe(100);
});

describe("units that are given back", () => {
  const granted = quota({ grants: [grant("g", 5, "2026-06-01T00:00:00Z")] });

  test("return to where they came from, those that end last first", () => {
    const { after, taken } = takeFrom(quotaAt(granted, january), 103, january);
    const back = giveBackTo(after, taken, 10, january);
    expect([back.used, back.grants[0]?.left]).toEqual([93, 5]);
  });

  test("return to a grant that was used up", () => {
    const { after, taken } = takeFrom(quotaAt(granted, january), 105, january);
    const pruned = quotaAt(after, january + 1);
    expect(pruned.grants).toEqual([]);
    expect(giveBackTo(pruned, taken, 105, january + 1).grants).toEqual(granted.grants);
  });

  test("are dropped if their period or grant has ended", () => {
    const { after, taken } = takeFrom(quotaAt(granted, january), 105, january);
    const july = at("2026-07-01T00:00:00Z");
    expect(giveBackTo(quotaAt(after, july), taken, 105, july)).toEqual(quotaAt(after, july));
  });
});

test("each threshold is crossed once a period, by the call that reaches it", () => {
  const watched = quota({ thresholds: [50, 80, 100] });
  const crossings: (number | undefined)[] = [];
  let current = quotaAt(watched, january);
  for (const units of [49, 1, 10, 25, 15]) {
    const { after, crossed } = takeFrom(current, units, january);
    crossings.push(crossed);
    current = after;
  }
  expect(crossings).toEqual([undefined, 50, undefined, 80, 100]);
  const february = at("2026-02-01T00:00:00Z");
  expect(takeFrom(quotaAt(current, february), 85, february).crossed).toBe(80);
});

describe("if a clock was wrong for an hour", () => {
  const boundary = at("2026-02-01T00:00:00Z");
  const used = use(quota(), 100);

  test("and fast, the next period begins early, and its units are available only once", () => {
    const early = use(quotaAt(used, boundary + hourMs / 2), 100, boundary + hourMs / 2);
    expect(remainingOf(quotaAt(early, boundary - hourMs / 2))).toBe(0);
    expect(remainingOf(quotaAt(early, boundary + hourMs))).toBe(0);
    expect(remainingOf(quotaAt(early, at("2026-03-01T00:00:00Z")))).toBe(100);
  });

  test("and slow, no units are available twice", () => {
    const fresh = use(quotaAt(used, boundary + 1), 100, boundary + 1);
    expect(remainingOf(quotaAt(fresh, boundary - hourMs))).toBe(0);
    expect(remainingOf(quotaAt(fresh, boundary + hourMs))).toBe(0);
  });
});

test("a clock that was a year fast refuses for no longer than the current period", () => {
  const spent = use(quota(), 100, at("2027-01-15T00:00:00Z"));
  const corrected = quotaAt(spent, january);
  expect([remainingOf(corrected), corrected.period?.endMs]).toEqual([0, at("2026-02-01T00:00:00Z")]);
});

test("a new rule keeps what was used, and moves the reset", () => {
  const used = use(quota(), 60);
  expect(remainingOf(withRule(used, { ...rule, limit: 70 }, january))).toBe(10);
  const moved = withRule(used, { ...rule, unit: "day", timeZone: "Europe/Berlin" }, january);
  expect([moved.used, moved.period?.endMs]).toEqual([60, at("2026-01-15T23:00:00Z")]);
  const billed = withRule(used, { ...rule, anchor: at("2026-01-20T00:00:00Z") }, january);
  expect([billed.used, billed.period?.endMs]).toEqual([60, at("2026-01-20T00:00:00Z")]);
});

const rules = fc.record({
  limit: fc.integer({ min: 0, max: 50 }),
  unit: fc.constantFrom("hour", "day", "week", "month"),
  rolloverMax: fc.integer({ min: 0, max: 20 }),
  anchor: fc.constantFrom("calendar", "first_use", at("2025-12-31T05:00:00Z")),
  overage: fc.constantFrom<QuotaRule["overage"]>("refuse", 60),
});
const steps = fc.array(
  fc.record({
    waitMs: fc.integer({ min: 0, max: 40 * 24 * hourMs }),
    units: fc.integer({ min: 0, max: 70 }),
  }),
  { maxLength: 40 },
);

test("no period allows more than its limit, overage and carried units, whatever is taken and when", () => {
  fc.assert(
    fc.property(rules, steps, (more, history) => {
      let current = newQuota({ ...rule, ...more } as QuotaRule, january);
      let nowMs = january;
      const granted = new Map<number, number>();
      for (const { waitMs, units } of history) {
        nowMs += waitMs;
        current = quotaAt(current, nowMs);
        if (units > availableOf(current)) continue;
        current = takeFrom(current, units, nowMs).after;
        granted.set(current.epoch, (granted.get(current.epoch) ?? 0) + units);
        expect(remainingOf(current)).toBeGreaterThanOrEqual(0);
      }
      const ceiling = Math.max(more.limit, more.overage === 60 ? 60 : 0) + more.rolloverMax;
      for (const units of granted.values()) expect(units).toBeLessThanOrEqual(ceiling);
    }),
    { numRuns: 1_000 },
  );
});

test("giving back all units that were taken leaves the quota as it was", () => {
  const quotas = fc.record({
    carried: fc.integer({ min: 0, max: 20 }),
    used: fc.integer({ min: 0, max: 150 }),
    overage: fc.constantFrom<QuotaRule["overage"]>("refuse", "allow", 140),
    grants: fc
      .array(fc.integer({ min: 1, max: 20 }), { maxLength: 4 })
      .map((units) =>
        units.map((left, index) => grant(`g${index}`, left, `2026-0${index + 1}-20T00:00:00Z`)),
      ),
  });
  fc.assert(
    fc.property(quotas, fc.nat(300), (more, units) => {
      const before = quotaAt(quota(more), january);
      fc.pre(units <= availableOf(before));
      const { after, taken } = takeFrom(before, units, january);
      expect(giveBackTo(quotaAt(after, january), taken, units, january)).toEqual(before);
    }),
    { numRuns: 1_000 },
  );
});
