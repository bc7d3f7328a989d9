import { prepareGranted } from "../../domain/permissionQuery.ts";
import type { IdentityRecord, KeyRecord, StoredRatelimit } from "../../domain/verification.ts";
import type { Db, Tx } from "../schema.ts";
import { parseMeta } from "./meta.ts";
import { listRatelimits } from "./ratelimits.ts";

/** Everything about the live key with this hash: not deleted, nor its api. */
export async function findKeyByHash(
  db: Db,
  workspaceId: string,
  hash: string,
): Promise<KeyRecord | undefined> {
  const row = await selectKey(db, workspaceId, hash);
  if (row === undefined) return undefined;
  const owners = row.identityId === null ? [row.id] : [row.id, row.identityId];
  const limits = await listRatelimits(db, workspaceId, owners);
  const grants = await listGrants(db, workspaceId, row.id);
  return {
    id: row.id,
    workspaceId,
    apiId: row.apiId,
    workspaceEnabled: row.workspaceEnabled === 1,
    subjectId: row.subjectId,
    name: row.name ?? undefined,
    meta: row.meta === null ? undefined : parseMeta(row.meta),
    enabled: row.enabled === 1,
    expiresAtMs: row.expiresAtMs ?? undefined,
    permissions: grants.permissions,
    granted: prepareGranted(grants.permissions),
    roles: grants.roles,
    madeFrom: [
      row.id,
      row.apiId,
      workspaceId,
      ...(row.identityId === null ? [] : [row.identityId]),
      ...grants.ids,
    ],
    ratelimits: limits.get(row.id) ?? [],
    identity: identityOf(row, limits),
    hasBalance: row.remaining !== null,
    bytes: 2_000 + 2 * ((row.meta?.length ?? 0) + (row.identityMeta?.length ?? 0)) + 100 * grants.ids.length,
  };
}

async function selectKey(db: Db, workspaceId: string, hash: string) {
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
    .select(["keys.id", "keys.apiId", "keys.subjectId", "keys.name", "keys.meta", "keys.enabled"])
    .select(["keys.expiresAtMs", "workspaces.enabled as workspaceEnabled"])
    .select(["identities.id as identityId", "identities.externalId", "identities.meta as identityMeta"])
    .select(["balances.remaining"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("keys.hash", "=", hash)
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null)
    .executeTakeFirst();
}

type KeyRow = NonNullable<Awaited<ReturnType<typeof selectKey>>>;

function identityOf(row: KeyRow, limits: Map<string, StoredRatelimit[]>): IdentityRecord | undefined {
  if (row.identityId === null || row.externalId === null) return undefined;
  return {
    id: row.identityId,
    externalId: row.externalId,
    meta: parseMeta(row.identityMeta ?? "{}"),
    ratelimits: limits.get(row.identityId) ?? [],
  };
}

type Grants = { permissions: string[]; roles: string[]; ids: string[] };

/** What a key holds, directly and through its roles; `ids` are all roles and permissions involved. */
async function listGrants(db: Db, workspaceId: string, keyId: string): Promise<Grants> {
  const direct = await db
    .selectFrom("keyPermissions")
    .innerJoin("permissions", "permissions.id", "keyPermissions.permissionId")
    .select(["permissions.id", "permissions.slug"])
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("keyPermissions.keyId", "=", keyId)
    .execute();
  const throughRoles = await db
    .selectFrom("keyRoles")
    .innerJoin("roles", "roles.id", "keyRoles.roleId")
    .leftJoin("rolePermissions", "rolePermissions.roleId", "roles.id")
    .leftJoin("permissions", "permissions.id", "rolePermissions.permissionId")
    .select(["roles.id as roleId", "roles.name as role", "permissions.id", "permissions.slug"])
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("keyRoles.keyId", "=", keyId)
    .execute();
  const held = [...direct, ...throughRoles];
  return {
    permissions: sortedOnce(held.map((row) => row.slug)),
    roles: sortedOnce(throughRoles.map((row) => row.role)),
    ids: sortedOnce([...held.map((row) => row.id), ...throughRoles.map((row) => row.roleId)]),
  };
}

function sortedOnce(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))].sort();
}

export type NewKey = {
  id: string;
  workspaceId: string;
  apiId: string;
  identityId: string | undefined;
  hash: string;
  start: string;
  prefix: string | undefined;
  byteLength: number;
  name: string | undefined;
  /** JSON text */
  meta: string | undefined;
  enabled: boolean;
  expiresAtMs: number | undefined;
  nowMs: number;
};

/** A key's counters and balance go by its own id, until a reroll hands them to its successor. */
export async function insertKey(tx: Tx, key: NewKey): Promise<void> {
  await tx
    .insertInto("keys")
    .values({
      id: key.id,
      workspaceId: key.workspaceId,
      apiId: key.apiId,
      identityId: key.identityId ?? null,
      subjectId: key.id,
      hash: key.hash,
      start: key.start,
      prefix: key.prefix ?? null,
      byteLength: key.byteLength,
      name: key.name ?? null,
      meta: key.meta ?? null,
      enabled: key.enabled ? 1 : 0,
      expiresAtMs: key.expiresAtMs ?? null,
      createdAtMs: key.nowMs,
      updatedAtMs: null,
      deletedAtMs: null,
    })
    .execute();
}
