import type { KeyRecord, StoredRatelimit } from "./verification.ts";

/** A limit as a request gives it, durations already named by their unit. */
export type GivenRatelimit = Omit<StoredRatelimit, "id">;

export type RatelimitDiff = {
  /** all that should be stored afterwards, in the order given; `existing` where the name was stored before */
  set: { given: GivenRatelimit; existing: StoredRatelimit | undefined }[];
  removed: StoredRatelimit[];
};

/** What replacing `stored` by `given` changes; limits are matched by name, so that a kept name keeps its id. */
export function diffRatelimits(
  stored: readonly StoredRatelimit[],
  given: readonly GivenRatelimit[],
): RatelimitDiff {
  const byName = new Map(stored.map((limit) => [limit.name, limit]));
  const kept = new Set(given.map((limit) => limit.name));
  return {
    set: given.map((limit) => ({ given: limit, existing: byName.get(limit.name) })),
    removed: stored.filter((limit) => !kept.has(limit.name)),
  };
}

/** The names that occur more than once, with the positions of their later occurrences. */
export function repeated(names: readonly string[]): { name: string; index: number }[] {
  const seen = new Set<string>();
  return names.flatMap((name, index) => {
    if (seen.has(name)) return [{ name, index }];
    seen.add(name);
    return [];
  });
}

/** A limit that a verification names: a stored one, or one described whole in the request. */
export type AskedRatelimit = {
  name: string;
  cost: number | undefined;
  limit: number | undefined;
  durationMs: number | undefined;
};

/** A limit to be counted now, as the counters take it. `id` is absent where the request described it. */
export type PlannedRatelimit = {
  id: string | undefined;
  name: string;
  limit: number;
  durationMs: number;
  autoApply: boolean;
  cost: number;
  /** whose counter it is */
  space: "key" | "identity";
  workspaceId: string;
  subject: string;
};

type Limited = Pick<KeyRecord, "workspaceId" | "subjectId" | "ratelimits" | "identity">;

/** The limit at `index` of the request cannot be applied. */
export type PlanFlaw = { index: number; problem: "unknown" | "incomplete" };

/**
 * Which limits one verification counts: every stored one that applies by itself, and those asked for. Of the same
 * name the request's whole description wins over the key's limit, and the key's over its identity's.
 */
export function planRatelimits(
  key: Limited,
  asked: readonly AskedRatelimit[],
): { planned: readonly PlannedRatelimit[] } | { flaw: PlanFlaw } {
  const stored = storedLimits(key);
  if (asked.length === 0) return { planned: stored.applied };
  const planned = new Map(stored.applied.map((limit) => [limit.name, limit]));
  for (const [index, one] of asked.entries()) {
    const limit = inline(key, one) ?? named(stored.byName, one);
    if (limit === undefined) return { flaw: { index, problem: isBare(one) ? "unknown" : "incomplete" } };
    planned.set(one.name, limit);
  }
  return { planned: [...planned.values()] };
}

function isBare({ limit, durationMs }: AskedRatelimit): boolean {
  return limit === undefined && durationMs === undefined;
}

function named(stored: ReadonlyMap<string, PlannedRatelimit>, { name, cost }: AskedRatelimit) {
  const known = stored.get(name);
  return known && { ...known, cost: cost ?? 1 };
}

function inline(key: Limited, asked: AskedRatelimit): PlannedRatelimit | undefined {
  const { name, limit, durationMs, cost = 1 } = asked;
  if (limit === undefined || durationMs === undefined) return undefined;
  return { id: undefined, name, limit, durationMs, autoApply: false, cost, ...ownerOf(key, "key") };
}

function ownerOf({ workspaceId, subjectId, identity }: Limited, space: "key" | "identity") {
  return { space, workspaceId, subject: space === "key" ? subjectId : (identity?.id ?? "") };
}

type StoredLimits = {
  byName: ReadonlyMap<string, PlannedRatelimit>;
  /** those that apply by themselves */
  applied: readonly PlannedRatelimit[];
};

/** Worked out once for each record: a record is never changed, only replaced. */
const storedLimitsOf = new WeakMap<Limited, StoredLimits>();

function storedLimits(key: Limited): StoredLimits {
  let limits = storedLimitsOf.get(key);
  if (limits === undefined) {
    const byName = limitsByName(key);
    limits = { byName, applied: [...byName.values()].filter((limit) => limit.autoApply) };
    storedLimitsOf.set(key, limits);
  }
  return limits;
}

function limitsByName(key: Limited): Map<string, PlannedRatelimit> {
  const byName = new Map<string, PlannedRatelimit>();
  for (const limit of key.identity?.ratelimits ?? []) {
    byName.set(limit.name, { ...limit, cost: 1, ...ownerOf(key, "identity") });
  }
  for (const limit of key.ratelimits) byName.set(limit.name, { ...limit, cost: 1, ...ownerOf(key, "key") });
  return byName;
}
