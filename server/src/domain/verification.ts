import { type Address, type AddressRange, isWithin } from "./ipAddress.ts";
import { evaluatePermissionQuery, type GrantedPermissions, type PermissionQuery } from "./permissionQuery.ts";
import type { PreparedLimits, StoredRatelimit } from "./ratelimits.ts";

/** The user or organization behind a key. `meta` is parsed JSON. */
export type IdentityRecord = {
  id: string;
  externalId: string;
  meta: object;
  ratelimits: readonly StoredRatelimit[];
};

/** The codes with which an existing key is refused. */
export const refusalCodes = [
  "FORBIDDEN",
  "INSUFFICIENT_PERMISSIONS",
  "USAGE_EXCEEDED",
  "RATE_LIMITED",
  "DISABLED",
  "EXPIRED",
] as const;

export type Refusal = (typeof refusalCodes)[number];

/** Everything about a key that a verification needs, as stored. `meta` is parsed JSON. */
export type KeyRecord = {
  id: string;
  workspaceId: string;
  apiId: string;
  keyspaceId: string;
  workspaceEnabled: boolean;
  /** the name of the key's account and counters */
  subjectId: string;
  name: string | undefined;
  meta: object | undefined;
  enabled: boolean;
  expiresAtMs: number | undefined;
  /** the addresses from which the api's keys may be used; undefined: all */
  apiAddresses: readonly AddressRange[] | undefined;
  /** the addresses from which this key may be used; undefined: all */
  addresses: readonly AddressRange[] | undefined;
  /** the permissions that the key has directly or through roles, each once, sorted */
  permissions: string[];
  granted: GrantedPermissions;
  roles: string[];
  ratelimits: readonly StoredRatelimit[];
  identity: IdentityRecord | undefined;
  /** the rate limits of the key and of its identity, prepared for counting */
  limits: PreparedLimits;
  /** whether the key or its identity has credits or quotas; only the database knows how many are left */
  hasAccount: boolean;
  identityHasAccount: boolean;
};

/** Whether `ids` contains the id of the key's keyspace or of the key's api. */
export function isInKeyspaces(
  { keyspaceId, apiId }: Pick<KeyRecord, "keyspaceId" | "apiId">,
  ids: readonly string[],
) {
  return ids.includes(keyspaceId) || ids.includes(apiId);
}

type Stored = Pick<
  KeyRecord,
  "workspaceEnabled" | "enabled" | "expiresAtMs" | "apiAddresses" | "addresses" | "granted"
>;

/** `code`: the outcome of a verification if this is the first check that fails. */
type StoredCheck = {
  check: "workspace" | "enabled" | "expiry" | "apiAddresses" | "addresses" | "permissions";
  code: "FORBIDDEN" | "DISABLED" | "EXPIRED" | "INSUFFICIENT_PERMISSIONS";
  passes(key: Stored, nowMs: number, ip: Address | undefined, query: PermissionQuery | undefined): boolean;
};

/** The checks that need only the stored key, in order. At the instant `expiresAtMs` itself, a key is still valid. */
export const storedChecks = [
  { check: "workspace", code: "FORBIDDEN", passes: (key) => key.workspaceEnabled },
  { check: "enabled", code: "DISABLED", passes: (key) => key.enabled },
  {
    check: "expiry",
    code: "EXPIRED",
    passes: (key, nowMs) => key.expiresAtMs === undefined || nowMs <= key.expiresAtMs,
  },
  { check: "apiAddresses", code: "FORBIDDEN", passes: (key, _, ip) => isAllowed(ip, key.apiAddresses) },
  { check: "addresses", code: "FORBIDDEN", passes: (key, _, ip) => isAllowed(ip, key.addresses) },
  {
    check: "permissions",
    code: "INSUFFICIENT_PERMISSIONS",
    passes: (key, _now, _ip, query) => query === undefined || evaluatePermissionQuery(query, key.granted),
  },
] as const satisfies StoredCheck[];

/** The code of the first check of `storedChecks` that fails. Undefined if all pass. */
export function judgeKey(
  key: Stored,
  nowMs: number,
  ip: Address | undefined,
  query: PermissionQuery | undefined,
): StoredCheck["code"] | undefined {
  for (const one of storedChecks) if (!one.passes(key, nowMs, ip, query)) return one.code;
  return undefined;
}

function isAllowed(ip: Address | undefined, addresses: readonly AddressRange[] | undefined): boolean {
  return addresses === undefined || (ip !== undefined && isWithin(ip, addresses));
}
