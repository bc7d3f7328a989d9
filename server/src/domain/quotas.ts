import { type Period, periodAt, periodFrom, type Schedule } from "./periods.ts";

/** A quota as its owner defines it. */
export type QuotaRule = {
  name: string;
  /** the units that each period allows */
  limit: number;
  unit: Schedule["unit"];
  every: number;
  timeZone: string;
  /** `first_use`: a period begins with the first cost above 0 after the previous one has ended */
  anchor: Schedule["anchor"] | "first_use";
  /** the most unused units that the next period gets in addition */
  rolloverMax: number;
  /** how far use may go beyond the limit; a number: the highest total use in a period */
  overage: "refuse" | "allow" | number;
  /** percentages of the limit, ascending */
  thresholds: readonly number[];
  /** whether a verification costs a unit even if it does not name the quota */
  autoApply: boolean;
};

/** Units on top of what the periods allow. `expiresAtMs` null: never expires. */
export type Grant = { id: string; amount: number; left: number; expiresAtMs: number | null };

export type Quota = QuotaRule & {
  /** null: no period has begun */
  period: Period | null;
  /**
   * the time at which the quota was added, plus one for each reset: a hold compares it to know whether its period is
   * over, or whether its quota has given way to another with the same name
   */
  epoch: number;
  /** units of the limit, and beyond it, that this period has used */
  used: number;
  /** units left from the previous period; they end with this one */
  carried: number;
  /** the highest threshold that was crossed in this period; 0: none */
  crossed: number;
  grants: readonly Grant[];
  /** removed by its owner, but remembered while it has used units or grants */
  isRemoved: boolean;
};

/** Units and where they came from. */
type Part = { from: "carried" | "limit" | Grant; units: number };

/** What was taken from a quota, in the order in which it was taken. */
export type Taken = { epoch: number; parts: readonly Part[] };

export function newQuota(rule: QuotaRule, nowMs: number): Quota {
  return {
    ...rule,
    period: null,
    epoch: nowMs,
    used: 0,
    carried: 0,
    crossed: 0,
    grants: [],
    isRemoved: false,
  };
}

/** The quota as of `nowMs`: if its period is over, the next one has begun. Expired grants are gone. */
export function quotaAt(quota: Quota, nowMs: number): Quota {
  const isLive = (grant: Grant) =>
    grant.left > 0 && (grant.expiresAtMs === null || grant.expiresAtMs > nowMs);
  const current = withPeriod(quota, nowMs);
  return current.grants.every(isLive) ? current : { ...current, grants: current.grants.filter(isLive) };
}

function withPeriod(quota: Quota, nowMs: number): Quota {
  const { period, anchor } = quota;
  if (period === null) return anchor === "first_use" ? quota : { ...quota, period: scheduled(quota, nowMs) };
  if (nowMs < period.startMs) return withoutFarPeriod(quota, period, nowMs);
  if (nowMs < period.endMs) return quota;
  const next = anchor === "first_use" ? null : scheduled(quota, nowMs);
  // nothing was used in a period that passed without any request
  const lastUsed = next === null || next.startMs === period.endMs ? quota.used : 0;
  const carried = Math.min(quota.rolloverMax, Math.max(0, quota.limit - lastUsed));
  return { ...quota, period: next, epoch: quota.epoch + 1, used: 0, carried, crossed: 0 };
}

/**
 * A period that begins in the future was stored while the clock was fast. If it begins no later than the current period
 * ends, it is kept, since its units are already available. Otherwise an exhausted one would refuse requests for too
 * long, so the current period replaces it and `used` is kept.
 */
function withoutFarPeriod(quota: Quota, period: Period, nowMs: number): Quota {
  const current =
    quota.anchor === "first_use" ? periodFrom(scheduleOf(quota), nowMs) : scheduled(quota, nowMs);
  return period.startMs <= current.endMs ? quota : { ...quota, period: current };
}

function scheduled(quota: QuotaRule, nowMs: number): Period {
  return periodAt(scheduleOf(quota), nowMs);
}

function scheduleOf({ unit, every, timeZone, anchor }: QuotaRule): Schedule {
  return { unit, every, timeZone, anchor: anchor === "first_use" ? 0 : anchor };
}

/** The units left without overage. The quota is as `quotaAt` returned it. */
export function remainingOf(quota: Quota): number {
  return quota.carried + Math.max(0, quota.limit - quota.used) + grantedUnits(quota);
}

/** The units that can be taken, overage included. */
export function availableOf(quota: Quota): number {
  return quota.carried + Math.max(0, ceilingOf(quota) - quota.used) + grantedUnits(quota);
}

export function grantedUnits({ grants }: Quota): number {
  return grants.reduce((sum, { left }) => sum + left, 0);
}

function ceilingOf({ limit, overage }: Quota): number {
  if (overage === "refuse") return limit;
  return overage === "allow" ? Number.MAX_SAFE_INTEGER : Math.max(limit, overage);
}

/**
 * Takes units, those that end soonest first: carried units, grants and the limit, sorted by their end, and then
 * overage. The units must be available. `crossed` is the highest threshold that this use crossed, if any.
 */
export function takeFrom(
  quota: Quota,
  units: number,
  nowMs: number,
): { after: Quota; taken: Taken; crossed: number | undefined } {
  if (units === 0) return { after: quota, taken: { epoch: quota.epoch, parts: [] }, crossed: undefined };
  const period = quota.period ?? periodFrom(scheduleOf(quota), nowMs);
  const parts = partsOf(units, sourcesOf(quota, period));
  const after = { ...parts.reduce(without, quota), period };
  const crossed = crossedBy(after);
  return {
    after: { ...after, crossed: Math.max(crossed, quota.crossed) },
    taken: { epoch: quota.epoch, parts },
    crossed: crossed > quota.crossed ? crossed : undefined,
  };
}

/** What can be taken from the quota, in the order in which it is taken. */
function sourcesOf(quota: Quota, { endMs }: Period): Part[] {
  const { limit, used, carried, grants } = quota;
  const sources: (Part & { endMs: number })[] = [
    { from: "carried", units: carried, endMs },
    ...grants.map((grant) => ({ from: grant, units: grant.left, endMs: endOf(grant) })),
    { from: "limit", units: Math.max(0, limit - used), endMs },
  ];
  sources.sort((one, other) => (one.endMs === other.endMs ? 0 : one.endMs - other.endMs));
  return [...sources, { from: "limit", units: Math.max(0, ceilingOf(quota) - Math.max(limit, used)) }];
}

function endOf({ expiresAtMs }: Grant): number {
  return expiresAtMs ?? Number.POSITIVE_INFINITY;
}

/** The first `units` of the sources. */
function partsOf(units: number, sources: readonly Part[]): Part[] {
  let due = units;
  const parts = sources.map(({ from, units }) => {
    const part = Math.min(due, units);
    due -= part;
    return { from, units: part };
  });
  return parts.filter(({ units }) => units > 0);
}

function without(quota: Quota, { from, units }: Part): Quota {
  if (from === "carried") return { ...quota, carried: quota.carried - units };
  if (from === "limit") return { ...quota, used: quota.used + units };
  return {
    ...quota,
    grants: quota.grants.map((one) => (one.id === from.id ? { ...one, left: one.left - units } : one)),
  };
}

function withBack(quota: Quota, { from, units }: Part): Quota {
  if (from === "carried") return { ...quota, carried: quota.carried + units };
  if (from === "limit") return { ...quota, used: Math.max(0, quota.used - units) };
  const grant = quota.grants.find(({ id }) => id === from.id);
  const others = quota.grants.filter((one) => one !== grant);
  return { ...quota, grants: [...others, { ...from, left: (grant?.left ?? 0) + units }].sort(byEnd) };
}

export function byEnd(one: Grant, other: Grant): number {
  return endOf(one) === endOf(other) ? 0 : endOf(one) - endOf(other);
}

function crossedBy({ limit, used, thresholds }: Quota): number {
  return Math.max(0, ...thresholds.filter((percent) => limit > 0 && used * 100 >= limit * percent));
}

/**
 * Gives back the last of the units that were taken. Units of a period or a grant that has ended are dropped: the next
 * period was granted in full.
 */
export function giveBackTo(quota: Quota, taken: Taken, units: number, nowMs: number): Quota {
  return partsOf(units, taken.parts.toReversed())
    .filter(({ from }) => (typeof from === "string" ? quota.epoch === taken.epoch : endOf(from) > nowMs))
    .reduce(withBack, quota);
}

/**
 * The quota under another rule: what it has used stays. If its periods begin at other times, its current period is
 * moved, but not begun anew.
 */
export function withRule(quota: Quota, rule: QuotaRule, nowMs: number): Quota {
  const changed = { ...quota, ...rule };
  const isMoved = (["unit", "every", "timeZone", "anchor"] as const).some((key) => quota[key] !== rule[key]);
  if (!isMoved || quota.period === null) return changed;
  const period =
    rule.anchor === "first_use" ? periodFrom(scheduleOf(rule), quota.period.startMs) : scheduled(rule, nowMs);
  const isOver = period.endMs <= nowMs;
  return { ...changed, period: isOver ? periodFrom(scheduleOf(rule), nowMs) : period };
}
