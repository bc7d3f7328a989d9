/** One verification, one rate limit decision, or one settlement of reserved credits. */
export type UsageEvent = {
  atMs: number;
  workspaceId: string;
  requestId: string;
  keyId?: string | undefined;
  /** the SHA-256 of a key that was not found */
  keyHash?: string | undefined;
  identityId?: string | undefined;
  apiId?: string | undefined;
  /** only for a rate limit decision */
  namespaceId?: string | undefined;
  /** only for a rate limit decision: who or what was counted */
  identifier?: string | undefined;
  /** a verification's code, PASSED or REFUSED, or SETTLED */
  outcome: string;
  /** only if the call was refused */
  why?: Why | undefined;
  /** the credits that a verification or settlement spent, or the cost of a rate limit decision */
  credits: number;
  tags: readonly string[];
  /** the fields of a verification's request that are kept for `keys.explain`; text without tabs and line breaks */
  request?: string | undefined;
};

/** The checks of a verification, in their order. A rate limit decision has only `ratelimit`. */
export const checks = [
  "found",
  "workspace",
  "enabled",
  "expiry",
  "ipAllowList",
  "permissions",
  "ratelimit",
  "credits",
] as const;

/**
 * The check that refused the call. `name` is the name of the rate limit or namespace, or the text of the permission
 * query.
 */
export type Why = {
  check: (typeof checks)[number];
  name?: string | undefined;
  limit?: number | undefined;
  durationMs?: number | undefined;
};

export const eventKinds = ["verification", "ratelimit", "settlement"] as const;
export type EventKind = (typeof eventKinds)[number];

export function kindOf({ namespaceId, outcome }: Pick<UsageEvent, "namespaceId" | "outcome">): EventKind {
  if (outcome === "SETTLED") return "settlement";
  return namespaceId === undefined ? "verification" : "ratelimit";
}

/** The hold whose credits a settlement charges. `tags` is JSON. */
type SettledHold = { workspaceId: string; tags: string | null } & Record<
  "keyId" | "apiId" | "identityId",
  string | null
>;

export function settlementEvent(
  { workspaceId, keyId, apiId, identityId, tags }: SettledHold,
  { atMs, requestId, credits }: { atMs: number; requestId: string; credits: number },
): UsageEvent {
  return {
    atMs,
    workspaceId,
    requestId,
    keyId: keyId ?? undefined,
    identityId: identityId ?? undefined,
    apiId: apiId ?? undefined,
    outcome: "SETTLED",
    credits,
    tags: tags === null ? [] : (JSON.parse(tags) as string[]),
  };
}

/** The outcomes of events. Only append to this list: stored counts refer to an outcome by its index. */
export const outcomes = [
  "VALID",
  "NOT_FOUND",
  "FORBIDDEN",
  "INSUFFICIENT_PERMISSIONS",
  "USAGE_EXCEEDED",
  "RATE_LIMITED",
  "DISABLED",
  "EXPIRED",
  "PASSED",
  "REFUSED",
  "SETTLED",
] as const;

export type UsageOutcome = (typeof outcomes)[number];

/** The kinds of subjects that usage is counted for. The database stores these numbers. */
export const subjectKinds = { workspace: 0, api: 1, namespace: 2, identity: 3, key: 4, tag: 5 } as const;

export type SubjectKind = keyof typeof subjectKinds;

export const periodMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** how long counts by day are kept */
export const daysKeptMs = 1_096 * periodMs.day;

export type Period = keyof typeof periodMs;
