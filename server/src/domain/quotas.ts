import { type Period, periodAt, periodFrom, type Schedule } from "./periods.ts";

/** A quota as its owner defines it. */
export type QuotaRule = {
  name: string;
  /** the units that each period allows */
  limit: number;
  unit: Schedule["unit"];
  every: number;
  timeZone: string;
  /** `first_use`: a period begins with the first cost above 0 after the end of the previous period */
  anchor: Schedule["anchor"] | "first_use";
  /** at most this many unused units of a period are carried over to the next period */
  rolloverMax: number;
  /** what happens beyond the limit; a number is the highest total use in a period */
  overage: "refuse" | "allow" | number;
  /** percentages of the limit, ascending */
  thresholds: readonly number[];
  /** whether a verification costs a unit even if it does not name the quota */
  autoApply: boolean;
};

/** Extra units of a quota, on top of what its periods allow. `expiresAtMs` null: never expires. */
export type Grant = { id: string; amount: number; left: number; expiresAtMs: number | null };

export type Quota = QuotaRule & {
  /** null if no period has begun yet */
  period: Period | null;
  /**
   * a number that each reset increments. A quota that is added again starts with another number. A hold remembers the
   * number, and gives units back only while the quota still has it: to the same quota in the same period
   */
  epoch: number;
  /** units of the limit and of overage that were used or held in this period. Grants and `carried` are not included */
  used: number;
  /** unused units of the previous period, which can be spent until this period ends */
  carried: number;
  /** the highest threshold that was reached in this period, in percent of the limit; 0 if no threshold was reached */
  crossed: number;
  grants: readonly Grant[];
  /** true if the quota was removed. It stays stored while units are used in its period, or while it has grants */
  isRemoved: boolean;
};

/** Units that were taken, and from where. */
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

/** The quota at `nowMs`: in the period that contains `nowMs`, and without expired grants. */
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
  // if the current period does not directly follow the stored period, nothing was used in the period between them
  const lastUsed = next === null || next.startMs === period.endMs ? quota.used : 0;
  const carried = Math.min(quota.rolloverMax, Math.max(0, quota.limit - lastUsed));
  return { ...quota, period: next, epoch: quota.epoch + 1, used: 0, carried, crossed: 0 };
}

/**
 * Handles a stored period that begins in the future, because the clock was fast when the period was stored. The next
 * period is kept: requests may have used its units already, and must not get them a second time. A later period could
 * refuse requests for too long, so the current period replaces it, with the same `used`.
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

/**
 * When the next two periods begin, if nothing is used until then. The first of them may allow less than the second,
 * because only units that the current period leaves unused are carried over to it. All later periods allow as much as
 * the second, except for grants that expire. If the periods begin with a first use, returns only the end of the current
 * period. `quota` must come from `quotaAt`.
 */
export function nextResetsMs(quota: Quota): number[] {
  if (quota.period === null) return [];
  const { endMs } = quota.period;
  const next = quotaAt(quota, endMs).period;
  return next === null ? [endMs] : [endMs, next.endMs];
}

/** The units left, without overage. `quota` must come from `quotaAt`. */
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
 * Takes units: first carried units, units of grants and units of the limit, in the order in which they expire, then
 * overage. That many units must be available. `crossed` is the highest threshold that this use reaches, if no earlier
 * use in the period has reached it.
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

/** Takes `units` from the sources, from the first source on. */
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
 * Gives back `units`, beginning with the units that were taken last. Units of a period that has ended are lost, because
 * the next period has its full limit already. Units of an expired grant are lost, too.
 */
export function giveBackTo(quota: Quota, taken: Taken, units: number, nowMs: number): Quota {
  return partsOf(units, taken.parts.toReversed())
    .filter(({ from }) => (typeof from === "string" ? quota.epoch === taken.epoch : endOf(from) > nowMs))
    .reduce(withBack, quota);
}

/**
 * The quota with another rule. The used units stay used. If periods begin at other times by the new rule, the current
 * period gets new bounds, but is not reset.
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
