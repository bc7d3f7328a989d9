/**
 * Reads a key with a single statement, because the database is reached over a network. The statement returns the rows
 * of other tables as JSON.
 */
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { prepared } from "../../prepared.ts";
import type { Db } from "../../schema.ts";
import { keyspaceIdOf } from "../apis.ts";
import { parseIpAllowList, rangesOf } from "../ipAllowLists.ts";
import { accessName, accessOf, identityOf, type KeyRows, noAccess } from "./keyRows.ts";

/**
 * Finds the key with this hash, and reads everything that its verification needs. Returns `undefined` if the key or
 * its api does not exist or is deleted.
 */
export async function selectKeyRows(db: Db, workspaceId: string, hash: string): Promise<KeyRows | undefined> {
  const [row] = await keyWithAll(db, { workspaceId, hash });
  if (row === undefined) return undefined;
  const { identityId, externalId, identityMeta, ratelimits } = row;
  const limitsOf = (ownerId: string) => ratelimits.filter((limit) => limit.ownerId === ownerId);
  return {
    key: row,
    api: {
      id: row.apiId,
      keyspaceId: keyspaceIdOf({ id: row.apiId, keyspaceId: row.keyspaceId }),
      workspaceId,
      workspaceEnabled: row.workspaceEnabled === 1,
      addresses: rangesOf(parseIpAllowList(row.apiIpAllowList)),
    },
    identity:
      identityId === null || externalId === null || identityMeta === null
        ? undefined
        : identityOf(
            workspaceId,
            { id: identityId, externalId, meta: identityMeta },
            {
              rows: limitsOf(identityId),
              hasAccount: row.identityRemaining !== null || row.identityQuotas !== null,
            },
          ),
    access: accessIn(row),
    ratelimits: limitsOf(row.id),
    hasAccount: row.remaining !== null || row.quotas !== null,
  };
}

type HeldPermission = { id: string; slug: string };
type AccessRows = {
  direct: HeldPermission[];
  roles: { id: string; name: string }[];
  throughRoles: HeldPermission[];
};

function accessIn({ direct, roles, throughRoles }: AccessRows) {
  if (direct.length + roles.length === 0) return noAccess;
  const name = accessName(
    direct.map(({ id }) => id),
    roles.map(({ id }) => id),
  );
  return accessOf(name, [...direct, ...throughRoles], roles);
}

const keyWithAll = prepared((db, { workspaceId, hash }: { workspaceId: string; hash: string }) =>
  keyWithIdentity(db, workspaceId)
    .select((eb) => [
      jsonArrayFrom(
        eb
          .selectFrom("ratelimits")
          .select(["ratelimits.id", "ratelimits.ownerId", "ratelimits.position", "ratelimits.name"])
          .select(["ratelimits.limit", "ratelimits.durationMs", "ratelimits.autoApply"])
          .where("ratelimits.workspaceId", "=", workspaceId)
          .where("ratelimits.ownerId", "in", [eb.ref("keys.id"), eb.ref("keys.identityId")]),
      ).as("ratelimits"),
      jsonArrayFrom(
        eb
          .selectFrom("keyPermissions")
          .innerJoin("permissions", "permissions.id", "keyPermissions.permissionId")
          .select(["permissions.id", "permissions.slug"])
          .where("keyPermissions.workspaceId", "=", workspaceId)
          .where("permissions.workspaceId", "=", workspaceId)
          .whereRef("keyPermissions.keyId", "=", "keys.id"),
      ).as("direct"),
      jsonArrayFrom(
        eb
          .selectFrom("keyRoles")
          .innerJoin("roles", "roles.id", "keyRoles.roleId")
          .select(["roles.id", "roles.name"])
          .where("keyRoles.workspaceId", "=", workspaceId)
          .where("roles.workspaceId", "=", workspaceId)
          .whereRef("keyRoles.keyId", "=", "keys.id"),
      ).as("roles"),
      jsonArrayFrom(
        eb
          .selectFrom("keyRoles")
          .innerJoin("roles", "roles.id", "keyRoles.roleId")
          .innerJoin("rolePermissions", "rolePermissions.roleId", "roles.id")
          .innerJoin("permissions", "permissions.id", "rolePermissions.permissionId")
          .select(["permissions.id", "permissions.slug"])
          .where("keyRoles.workspaceId", "=", workspaceId)
          .where("roles.workspaceId", "=", workspaceId)
          .where("rolePermissions.workspaceId", "=", workspaceId)
          .where("permissions.workspaceId", "=", workspaceId)
          .whereRef("keyRoles.keyId", "=", "keys.id"),
      ).as("throughRoles"),
    ])
    .where("keys.hash", "=", hash)
    .compile(),
);

/**
 * Selects keys with their identities. Excludes deleted keys, keys of deleted apis, and keys that wait for their first
 * verification after an import or a migration.
 */
function keyWithIdentity(db: Db, workspaceId: string) {
  return db
    .selectFrom("keys")
    .innerJoin("apis", "apis.id", "keys.apiId")
    .innerJoin("workspaces", "workspaces.id", "keys.workspaceId")
    .leftJoin("identities", (join) =>
      join
        .onRef("identities.id", "=", "keys.identityId")
        .onRef("identities.workspaceId", "=", "keys.workspaceId"),
    )
    .leftJoin("balances", (join) =>
      join.onRef("balances.id", "=", "keys.subjectId").onRef("balances.workspaceId", "=", "keys.workspaceId"),
    )
    .leftJoin("balances as identityBalances", (join) =>
      join
        .onRef("identityBalances.id", "=", "identities.id")
        .onRef("identityBalances.workspaceId", "=", "keys.workspaceId"),
    )
    .select(["keys.id", "keys.apiId", "keys.subjectId", "keys.name", "keys.meta", "keys.enabled"])
    .select("apis.keyspaceId")
    .select(["keys.expiresAtMs", "workspaces.enabled as workspaceEnabled", "balances.remaining"])
    .select(["balances.quotas", "identityBalances.remaining as identityRemaining"])
    .select(["identityBalances.quotas as identityQuotas"])
    .select(["keys.ipAllowList", "apis.ipAllowList as apiIpAllowList"])
    .select(["identities.id as identityId", "identities.externalId", "identities.meta as identityMeta"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where("keys.deletedAtMs", "is", null)
    .where("keys.pendingMigrationId", "is", null)
    .where("apis.deletedAtMs", "is", null);
}
