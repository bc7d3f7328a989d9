import type { ExpressionBuilder } from "kysely";
import { isIn, prepared } from "../../prepared.ts";
import type { Db, Flag, Schema } from "../../schema.ts";
import { contains, patternOf } from "../search.ts";
import { direction, within } from "../walk.ts";
import { type ListedKeyRow, liveKeys, withGrantCount } from "./read.ts";

/**
 * A key that may belong to a page of a list. `value` is the value by which the list is sorted, such as the time of the
 * expiry, or null if the list is sorted only by id.
 */
export type Candidate = { id: string; value: number | null };

/** The part of a list to read: at most `limit` keys after the candidate `after`. */
export type Stretch = { after: Candidate | undefined; descending: boolean; limit: number };

/** Decides which keys a list shows. A field that is `undefined` excludes no keys. */
export type KeyListFilter = {
  apiId: string | undefined;
  identityId: string | undefined;
  roleId: string | undefined;
  permissionId: string | undefined;
  /** literal text in the name or `start` of the key; case-insensitive for ASCII letters */
  search: string | undefined;
  enabled: boolean | undefined;
  expiresBeforeMs: number | undefined;
};

/**
 * Reads ids of keys in the order of their creation. Uses the index that excludes the most keys, but does not check the
 * whole filter. So some of the keys may not match the filter; `matchingKeys` finds those that do.
 */
export async function keysByCreation(
  db: Db,
  workspaceId: string,
  { identityId, roleId, apiId }: KeyListFilter,
  { after, descending, limit }: Stretch,
): Promise<Candidate[]> {
  const stretch = { workspaceId, afterId: after?.id, descending, limit };
  const rows =
    identityId === undefined && roleId !== undefined
      ? await selectOfRole(db, { ...stretch, roleId })
      : await selectCreated(db, {
          ...stretch,
          identityId,
          apiId: identityId === undefined ? apiId : undefined,
        });
  return rows.map(({ id }) => ({ id, value: null }));
}

type CreatedStretch = {
  workspaceId: string;
  afterId: string | undefined;
  descending: boolean;
  limit: number;
};

const selectOfRole = prepared(
  (db, { workspaceId, roleId, limit, ...walk }: CreatedStretch & { roleId: string }) =>
    db
      .selectFrom("keyRoles")
      .select("keyId as id")
      .where("workspaceId", "=", workspaceId)
      .where("roleId", "=", roleId)
      .where(within("keyId", walk))
      .orderBy("keyId", direction(walk))
      .limit(limit)
      .compile(),
);

type Created = CreatedStretch & { identityId: string | undefined; apiId: string | undefined };

const selectCreated = prepared((db, { workspaceId, identityId, apiId, limit, ...walk }: Created) => {
  let query = db
    .selectFrom("keys")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null)
    .where(within("id", walk))
    .orderBy("id", direction(walk))
    .limit(limit);
  if (identityId !== undefined) query = query.where("identityId", "=", identityId);
  if (apiId !== undefined) query = query.where("apiId", "=", apiId);
  return query.compile();
});

/**
 * Reads keys that have an expiry, in the order of their expiry. Some of the keys may not match the filter;
 * `matchingKeys` finds those that do.
 */
export async function keysByExpiry(
  db: Db,
  workspaceId: string,
  { expiresBeforeMs }: KeyListFilter,
  { after, descending, limit }: Stretch,
): Promise<Candidate[]> {
  const afterMs = after?.value ?? undefined;
  return selectExpiring(db, {
    workspaceId,
    expiresBeforeMs,
    afterMs,
    afterId: after?.id ?? "",
    descending,
    limit,
  });
}

type Expiring = {
  workspaceId: string;
  expiresBeforeMs: number | undefined;
  afterMs: number | undefined;
  afterId: string;
  descending: boolean;
  limit: number;
};

const selectExpiring = prepared((db, args: Expiring) => {
  const { workspaceId, expiresBeforeMs, afterMs, afterId, descending, limit } = args;
  const order = direction({ descending });
  let query = db
    .selectFrom("keys")
    .select(["id", "expiresAtMs as value"])
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null)
    .where("expiresAtMs", "is not", null)
    .orderBy("expiresAtMs", order)
    .orderBy("id", order)
    .limit(limit);
  if (expiresBeforeMs !== undefined) query = query.where("expiresAtMs", "<", expiresBeforeMs);
  if (afterMs !== undefined) {
    query = query.where((eb) =>
      eb(eb.refTuple("expiresAtMs", "id"), descending ? "<" : ">", eb.tuple(afterMs, afterId)),
    );
  }
  return query.compile();
});

type Matched = { id: string; apiId: string; expiresAtMs: number | null };

/** Returns those of the keys that are not deleted and match the filter. */
export async function matchingKeys(
  db: Db,
  workspaceId: string,
  ids: readonly string[],
  filter: KeyListFilter,
): Promise<Matched[]> {
  const { apiId, identityId, roleId, permissionId, search, enabled, expiresBeforeMs } = filter;
  const flag = enabled === undefined ? undefined : enabled ? 1 : 0;
  const byLinks = { identityId, roleId, permissionId };
  return selectMatching(db, {
    workspaceId,
    ids,
    apiId,
    ...byLinks,
    pattern: patternOf(search),
    enabled: flag,
    expiresBeforeMs,
  });
}

type Matching = Omit<KeyListFilter, "search" | "enabled"> & {
  workspaceId: string;
  ids: readonly string[];
  pattern: string | undefined;
  enabled: Flag | undefined;
};

const selectMatching = prepared((db, args: Matching) => {
  const { workspaceId, ids, apiId, identityId, roleId, permissionId, pattern, enabled, expiresBeforeMs } =
    args;
  let query = db
    .selectFrom("keys")
    .innerJoin("apis", "apis.id", "keys.apiId")
    .select(["keys.id", "keys.apiId", "keys.expiresAtMs"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where(isIn("keys.id", ids))
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null);
  if (apiId !== undefined) query = query.where("keys.apiId", "=", apiId);
  if (identityId !== undefined) query = query.where("keys.identityId", "=", identityId);
  if (enabled !== undefined) query = query.where("keys.enabled", "=", enabled);
  if (expiresBeforeMs !== undefined) query = query.where("keys.expiresAtMs", "<", expiresBeforeMs);
  if (pattern !== undefined)
    query = query.where((eb) => eb.or([contains("keys.name", pattern), contains("keys.start", pattern)]));
  if (roleId !== undefined) query = query.where((eb) => hasRole(eb, workspaceId, roleId));
  if (permissionId !== undefined) query = query.where((eb) => hasPermission(eb, workspaceId, permissionId));
  return query.compile();
});

type OfKey = ExpressionBuilder<Schema, "keys">;

function hasRole(eb: OfKey, workspaceId: string, roleId: string) {
  return eb.exists(
    eb
      .selectFrom("keyRoles")
      .select("keyRoles.keyId")
      .where("keyRoles.workspaceId", "=", workspaceId)
      .where("keyRoles.roleId", "=", roleId)
      .whereRef("keyRoles.keyId", "=", "keys.id"),
  );
}

/**
 * The condition that a key has this permission, directly or through a role. A deleted role keeps its links to keys and
 * permissions until the clean-up, so the condition also joins the table `roles` to exclude deleted roles.
 */
function hasPermission(eb: OfKey, workspaceId: string, permissionId: string) {
  const direct = eb
    .selectFrom("keyPermissions")
    .select("keyPermissions.keyId")
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("keyPermissions.permissionId", "=", permissionId)
    .whereRef("keyPermissions.keyId", "=", "keys.id");
  const throughRole = eb
    .selectFrom("keyRoles")
    .crossJoin("rolePermissions")
    .whereRef("rolePermissions.roleId", "=", "keyRoles.roleId")
    .crossJoin("roles")
    .whereRef("roles.id", "=", "keyRoles.roleId")
    .select("keyRoles.keyId")
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("roles.workspaceId", "=", workspaceId)
    .where("rolePermissions.workspaceId", "=", workspaceId)
    .where("rolePermissions.permissionId", "=", permissionId)
    .whereRef("keyRoles.keyId", "=", "keys.id");
  return eb.or([eb.exists(direct), eb.exists(throughRole)]);
}

/** Reads the keys with these ids, in the order of `ids`. Omits deleted keys. */
export async function listKeysById(
  db: Db,
  workspaceId: string,
  ids: readonly string[],
): Promise<ListedKeyRow[]> {
  if (ids.length === 0) return [];
  const rows = await selectById(db, { workspaceId, ids });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

const selectById = prepared((db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }) =>
  withGrantCount(liveKeys(db, workspaceId), workspaceId).where(isIn("keys.id", ids)).compile(),
);
