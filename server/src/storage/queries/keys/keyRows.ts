import { prepareHeld } from "../../../domain/permissionQuery.ts";
import { type PreparedLimits, prepareLimits, type StoredRatelimit } from "../../../domain/ratelimits.ts";
import { type Access, bytesOfMeta, type KeptApi, type KeptIdentity } from "../../keyParts.ts";
import { oneCopy } from "../../oneCopy.ts";
import type { Flag } from "../../schema.ts";
import { parseMeta } from "../meta.ts";

/** Everything that a verification needs to know about a key, as read from the database. */
export type KeyRows = {
  key: {
    id: string;
    subjectId: string;
    name: string | null;
    meta: string | null;
    enabled: Flag;
    expiresAtMs: number | null;
    ipAllowList: string | null;
  };
  api: KeptApi;
  identity: KeptIdentity | undefined;
  access: Access;
  /** the rate limits of the key itself */
  ratelimits: readonly RatelimitRow[];
  /** whether the key has limited credits or quotas */
  hasAccount: boolean;
};

export type RatelimitRow = {
  id: string;
  ownerId: string;
  position: number;
  name: string;
  limit: number;
  durationMs: number;
  autoApply: Flag;
};

/** Returns the rate limits in the order in which they were set. */
export function ratelimitsOf(rows: readonly RatelimitRow[]): readonly StoredRatelimit[] {
  if (rows.length === 0) return noLimits.all;
  return rows
    .toSorted((one, other) => one.position - other.position)
    .map(({ id, name, limit, durationMs, autoApply }) => ({
      id,
      name: oneCopy(name),
      limit,
      durationMs,
      autoApply: autoApply === 1,
    }));
}

/** The limits of all keys for which neither the key nor an identity has rate limits. These keys share this object. */
export const noLimits: PreparedLimits = prepareLimits({
  workspaceId: "",
  subjectId: "",
  ratelimits: [],
  identity: undefined,
});
const noMeta = {};

export function identityOf(
  workspaceId: string,
  { id, externalId, meta }: { id: string; externalId: string; meta: string },
  { rows, hasAccount }: { rows: readonly RatelimitRow[]; hasAccount: boolean },
): KeptIdentity {
  const owner = { id, ratelimits: ratelimitsOf(rows) };
  const limits = prepareLimits({ workspaceId, subjectId: id, ratelimits: noLimits.all, identity: owner });
  const parsed = meta === "{}" ? noMeta : parseMeta(meta);
  return {
    id,
    externalId,
    meta: parsed,
    ratelimits: limits.all,
    limits,
    metaBytes: bytesOfMeta(meta),
    hasAccount,
  };
}

/**
 * Returns the name under which keys with the same roles and direct permissions share an `Access` in the cache. The name
 * has the ids of these roles and permissions.
 */
export function accessName(permissionIds: readonly string[], roleIds: readonly string[]): string {
  return [...permissionIds, ...roleIds].sort().join(" ");
}

export const noAccess: Access = accessOf("", [], []);

export function accessOf(
  name: string,
  permissions: readonly { id: string; slug: string }[],
  roles: readonly { id: string; name: string }[],
): Access {
  const slugs = sortedOnce(permissions.map(({ slug }) => slug));
  return {
    name,
    ids: sortedOnce([...permissions, ...roles].map(({ id }) => id)),
    permissions: slugs,
    heldPermissions: prepareHeld(slugs),
    roles: sortedOnce(roles.map((role) => role.name)),
  };
}

function sortedOnce(values: readonly string[]): string[] {
  return values.length === 0 ? [] : [...new Set(values)].sort();
}
