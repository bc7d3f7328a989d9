/** A limit that a key or an identity owns. */
export type StoredRatelimit = {
  id: string;
  name: string;
  limit: number;
  durationMs: number;
  autoApply: boolean;
};

/** A rate limit that a request sets, with its duration in `durationMs`. */
export type RatelimitSettings = Omit<StoredRatelimit, "id">;

export type RatelimitDiff = {
  /** all limits to store, in the order of the request; `existing` is the stored limit with the same name, if any */
  set: { requested: RatelimitSettings; existing: StoredRatelimit | undefined }[];
  removed: StoredRatelimit[];
};

/**
 * What changes when `requested` replaces `stored`. A limit keeps its id if the stored limits have one of the same name.
 */
export function diffRatelimits(
  stored: readonly StoredRatelimit[],
  requested: readonly RatelimitSettings[],
): RatelimitDiff {
  const byName = new Map(stored.map((limit) => [limit.name, limit]));
  const kept = new Set(requested.map((limit) => limit.name));
  return {
    set: requested.map((limit) => ({ requested: limit, existing: byName.get(limit.name) })),
    removed: stored.filter((limit) => !kept.has(limit.name)),
  };
}

/** The names that occur more than once, with the index of each later occurrence. */
export function repeated(names: readonly string[]): { name: string; index: number }[] {
  const seen = new Set<string>();
  return names.flatMap((name, index) => {
    if (seen.has(name)) return [{ name, index }];
    seen.add(name);
    return [];
  });
}

/** A limit that a verification names. It is stored, or the request describes it in full. */
export type RequestedRatelimit = {
  name: string;
  cost: number | undefined;
  limit: number | undefined;
  durationMs: number | undefined;
};

/** A limit to count against, in the form that `counters/` needs. `id` is undefined if only the request describes it. */
export type PlannedRatelimit = {
  id: string | undefined;
  name: string;
  limit: number;
  durationMs: number;
  autoApply: boolean;
  cost: number;
  /** whether the key or its identity owns the counter */
  space: "key" | "identity";
  workspaceId: string;
  subject: string;
};

/** The part of a key record that determines the key's rate limits. */
type LimitedKey = {
  workspaceId: string;
  subjectId: string;
  ratelimits: readonly StoredRatelimit[];
  identity: { id: string; ratelimits: readonly StoredRatelimit[] } | undefined;
};

type Limited = Pick<LimitedKey, "workspaceId" | "subjectId"> & { limits: PreparedLimits };

/** Why the limit at `index` of the request cannot be counted: it is not stored, or only half of it is described. */
export type PlanFlaw = { index: number; problem: "unknown" | "incomplete" };

/**
 * The limits that one verification counts against: the stored limits that apply automatically, unless `autoApply` is
 * false, and the requested limits. If several have the same name, a limit that the request describes wins over the
 * key's, and the key's over its identity's.
 */
export function planRatelimits(
  key: Limited,
  requested: readonly RequestedRatelimit[],
  autoApply = true,
): { planned: readonly PlannedRatelimit[] } | { flaw: PlanFlaw } {
  const stored = key.limits;
  const applied = autoApply ? stored.applied : [];
  if (requested.length === 0) return { planned: applied };
  const planned = new Map<string, PlannedRatelimit>(applied.map((limit) => [limit.name, limit]));
  for (const [index, request] of requested.entries()) {
    const limit = described(key, request) ?? named(stored.all, request);
    if (limit === undefined)
      return { flaw: { index, problem: isNameOnly(request) ? "unknown" : "incomplete" } };
    planned.set(request.name, limit);
  }
  return { planned: [...planned.values()] };
}

function isNameOnly({ limit, durationMs }: RequestedRatelimit): boolean {
  return limit === undefined && durationMs === undefined;
}

function named(stored: readonly PlannedRatelimit[], { name, cost }: RequestedRatelimit) {
  const known = stored.find((limit) => limit.name === name);
  return known && { ...known, cost: cost ?? 1 };
}

function described(key: Limited, request: RequestedRatelimit): PlannedRatelimit | undefined {
  const { name, limit, durationMs, cost = 1 } = request;
  if (limit === undefined || durationMs === undefined) return undefined;
  return { id: undefined, name, limit, durationMs, autoApply: false, cost, ...keyOwner(key) };
}

function keyOwner({ workspaceId, subjectId }: Pick<LimitedKey, "workspaceId" | "subjectId">) {
  return { space: "key", workspaceId, subject: subjectId } as const;
}

/** A stored limit that is prepared for counting. */
export type PreparedLimit = PlannedRatelimit & StoredRatelimit;

/**
 * The stored limits of a key and its identity, prepared for counting when the key's record is loaded. Names are unique.
 */
export type PreparedLimits = {
  all: readonly PreparedLimit[];
  /** the limits that apply automatically */
  applied: readonly PreparedLimit[];
};

/** Prepares the limits of a key and its identity. If both have a limit of the same name, only the key's is kept. */
export function prepareLimits(key: LimitedKey): PreparedLimits {
  const { workspaceId, identity } = key;
  const byName = new Map<string, PreparedLimit>();
  const shared = identity === undefined ? [] : identityLimits(workspaceId, identity);
  for (const limit of shared) byName.set(limit.name, limit);
  for (const limit of key.ratelimits) byName.set(limit.name, { ...limit, cost: 1, ...keyOwner(key) });
  const all = [...byName.values()];
  // if all limits apply automatically, as with most keys, both lists are the same array, which saves memory
  const applied = all.every((limit) => limit.autoApply) ? all : all.filter((limit) => limit.autoApply);
  return { all, applied };
}

/** The limits that all keys of this identity share, prepared for counting. */
export function identityLimits(
  workspaceId: string,
  { id, ratelimits }: NonNullable<LimitedKey["identity"]>,
): PreparedLimit[] {
  const owner = { space: "identity", workspaceId, subject: id } as const;
  return ratelimits.map((limit) => ({ ...limit, cost: 1, ...owner }));
}
