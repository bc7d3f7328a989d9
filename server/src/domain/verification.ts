import type { GrantedPermissions } from "./permissionQuery.ts";

/** A limit that a key or an identity owns. */
export type StoredRatelimit = {
  id: string;
  name: string;
  limit: number;
  durationMs: number;
  autoApply: boolean;
};

/** The user or organisation behind a key. `meta` is parsed JSON. */
export type IdentityRecord = {
  id: string;
  externalId: string;
  meta: object;
  ratelimits: StoredRatelimit[];
};

/** Everything that verifying a key needs to know about it, as stored; `meta` is parsed JSON. */
export type KeyRecord = {
  id: string;
  workspaceId: string;
  apiId: string;
  workspaceEnabled: boolean;
  /** the name of its balance and its counters */
  subjectId: string;
  name: string | undefined;
  meta: object | undefined;
  enabled: boolean;
  expiresAtMs: number | undefined;
  /** direct and through roles, each once, sorted */
  permissions: string[];
  granted: GrantedPermissions;
  roles: string[];
  ratelimits: StoredRatelimit[];
  identity: IdentityRecord | undefined;
  /** whether it has credits to spend; how many, only the database knows */
  hasBalance: boolean;
  /** the ids of all that this record was made from */
  madeFrom: string[];
  /** roughly what it takes in memory */
  bytes: number;
};

/**
 * What can be said of a key without counting anything: the first reason to refuse it, or undefined. A key expires
 * after its instant, not at it.
 */
export function judgeKey(
  key: Pick<KeyRecord, "workspaceEnabled" | "enabled" | "expiresAtMs">,
  nowMs: number,
): "FORBIDDEN" | "DISABLED" | "EXPIRED" | undefined {
  if (!key.workspaceEnabled) return "FORBIDDEN";
  if (!key.enabled) return "DISABLED";
  if (key.expiresAtMs !== undefined && nowMs > key.expiresAtMs) return "EXPIRED";
  return undefined;
}
