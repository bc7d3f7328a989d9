import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

/** What a key holds. */
export type Grants = {
  /** direct ones and those of its roles, each slug once, in byte order */
  permissions: string[];
  /** names, in byte order */
  roles: string[];
  /** of all permissions and roles involved */
  ids: string[];
};

/** What each of these keys holds, directly and through its roles. */
export async function listGrants(
  db: Db,
  workspaceId: string,
  keyIds: readonly string[],
): Promise<Map<string, Grants>> {
  if (keyIds.length === 0) return new Map();
  const direct = await selectDirect(db, { workspaceId, keyIds });
  const throughRoles = await selectThroughRoles(db, { workspaceId, keyIds });
  const held = Map.groupBy([...direct, ...throughRoles], (row) => row.keyId);
  const roles = Map.groupBy(throughRoles, (row) => row.keyId);
  return new Map(
    keyIds.map((keyId) => {
      const permissions = held.get(keyId) ?? [];
      const ofRoles = roles.get(keyId) ?? [];
      const grants: Grants = {
        permissions: sortedOnce(permissions.map((row) => row.slug)),
        roles: sortedOnce(ofRoles.map((row) => row.role)),
        ids: sortedOnce([...permissions.map((row) => row.id), ...ofRoles.map((row) => row.roleId)]),
      };
      return [keyId, grants];
    }),
  );
}

type OfKeys = { workspaceId: string; keyIds: readonly string[] };

const selectDirect = prepared((db, { workspaceId, keyIds }: OfKeys) =>
  db
    .selectFrom("keyPermissions")
    .innerJoin("permissions", "permissions.id", "keyPermissions.permissionId")
    .select(["keyPermissions.keyId", "permissions.id", "permissions.slug"])
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("permissions.workspaceId", "=", workspaceId)
    .where("keyPermissions.keyId", "in", keyIds)
    .compile(),
);

const selectThroughRoles = prepared((db, { workspaceId, keyIds }: OfKeys) =>
  db
    .selectFrom("keyRoles")
    .innerJoin("roles", "roles.id", "keyRoles.roleId")
    .leftJoin("rolePermissions", (join) =>
      join
        .onRef("rolePermissions.roleId", "=", "roles.id")
        .on("rolePermissions.workspaceId", "=", workspaceId),
    )
    .leftJoin("permissions", (join) =>
      join
        .onRef("permissions.id", "=", "rolePermissions.permissionId")
        .on("permissions.workspaceId", "=", workspaceId),
    )
    .select(["keyRoles.keyId", "roles.id as roleId", "roles.name as role"])
    .select(["permissions.id", "permissions.slug"])
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("roles.workspaceId", "=", workspaceId)
    .where("keyRoles.keyId", "in", keyIds)
    .compile(),
);

function sortedOnce(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))].sort();
}

/** A permission as its operations answer it. */
export type PermissionRecord = { id: string; name: string; slug: string; description: string | null };

const permissionColumns = ["id", "name", "slug", "description"] as const;

/** The permissions with these slugs, in byte order of the slug; those that do not exist are made, named by their slug. */
export async function claimPermissions(
  tx: Tx,
  workspaceId: string,
  slugs: readonly string[],
  making: { newId: () => string; nowMs: number },
): Promise<{ permissions: PermissionRecord[]; madeIds: string[] }> {
  if (slugs.length === 0) return { permissions: [], madeIds: [] };
  const rows = slugs.map((slug) => ({
    id: making.newId(),
    workspaceId,
    slug,
    name: slug,
    description: null,
    createdAtMs: making.nowMs,
  }));
  const made = await tx
    .insertInto("permissions")
    .values(rows)
    .onConflict((conflict) => conflict.columns(["workspaceId", "slug"]).doNothing())
    .returning("id")
    .execute();
  const permissions = await findPermissionsBySlug(tx, workspaceId, slugs);
  return { permissions, madeIds: made.map((row) => row.id) };
}

/** Those that exist among these slugs, in byte order. */
export async function findPermissionsBySlug(
  db: Db,
  workspaceId: string,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  if (slugs.length === 0) return [];
  return db
    .selectFrom("permissions")
    .select(permissionColumns)
    .where("workspaceId", "=", workspaceId)
    .where("slug", "in", slugs)
    .orderBy("slug")
    .execute();
}

/** The permissions that the key holds directly, in byte order of the slug. */
export async function listKeyPermissions(
  db: Db,
  workspaceId: string,
  keyId: string,
): Promise<PermissionRecord[]> {
  return db
    .selectFrom("permissions")
    .innerJoin("keyPermissions", "keyPermissions.permissionId", "permissions.id")
    .select(["permissions.id", "permissions.name", "permissions.slug", "permissions.description"])
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("keyPermissions.keyId", "=", keyId)
    .orderBy("permissions.slug")
    .execute();
}

export async function insertKeyPermissions(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  ids: readonly string[],
) {
  if (ids.length === 0) return;
  await tx
    .insertInto("keyPermissions")
    .values(ids.map((permissionId) => ({ workspaceId, keyId, permissionId })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function deleteKeyPermissions(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  ids: readonly string[],
) {
  if (ids.length === 0) return;
  await tx
    .deleteFrom("keyPermissions")
    .where("workspaceId", "=", workspaceId)
    .where("keyId", "=", keyId)
    .where("permissionId", "in", ids)
    .execute();
}

/** A role with the permissions it gives, as its operations answer it. */
export type RoleRecord = {
  id: string;
  name: string;
  description: string | null;
  permissions: PermissionRecord[];
};

type RoleRow = { id: string; name: string; description: string | null };

/** The roles with their permissions in byte order of the slug; the roles stay in the order given. */
export async function withPermissions(
  db: Db,
  workspaceId: string,
  roles: readonly RoleRow[],
): Promise<RoleRecord[]> {
  if (roles.length === 0) return [];
  const rows = await db
    .selectFrom("permissions")
    .innerJoin("rolePermissions", "rolePermissions.permissionId", "permissions.id")
    .select(["rolePermissions.roleId", "permissions.id", "permissions.name"])
    .select(["permissions.slug", "permissions.description"])
    .where("rolePermissions.workspaceId", "=", workspaceId)
    .where(
      "rolePermissions.roleId",
      "in",
      roles.map((role) => role.id),
    )
    .orderBy("permissions.slug")
    .execute();
  const byRole = Map.groupBy(rows, (row) => row.roleId);
  return roles.map((role) => ({
    ...role,
    permissions: (byRole.get(role.id) ?? []).map(({ roleId: _, ...permission }) => permission),
  }));
}

/** The roles that exist among these names, compared byte for byte, in byte order. */
export async function findRolesByName(
  db: Db,
  workspaceId: string,
  names: readonly string[],
): Promise<RoleRecord[]> {
  if (names.length === 0) return [];
  const rows = await db
    .selectFrom("roles")
    .select(["id", "name", "description"])
    .where("workspaceId", "=", workspaceId)
    .where("name", "in", names)
    .orderBy("name")
    .execute();
  return withPermissions(db, workspaceId, rows);
}

/** The roles that the key has, in byte order of the name. */
export async function listKeyRoles(db: Db, workspaceId: string, keyId: string): Promise<RoleRecord[]> {
  const rows = await db
    .selectFrom("roles")
    .innerJoin("keyRoles", "keyRoles.roleId", "roles.id")
    .select(["roles.id", "roles.name", "roles.description"])
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("keyRoles.keyId", "=", keyId)
    .orderBy("roles.name")
    .execute();
  return withPermissions(db, workspaceId, rows);
}

export async function insertKeyRoles(tx: Tx, workspaceId: string, keyId: string, ids: readonly string[]) {
  if (ids.length === 0) return;
  await tx
    .insertInto("keyRoles")
    .values(ids.map((roleId) => ({ workspaceId, keyId, roleId })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function deleteKeyRoles(tx: Tx, workspaceId: string, keyId: string, ids: readonly string[]) {
  if (ids.length === 0) return;
  await tx
    .deleteFrom("keyRoles")
    .where("workspaceId", "=", workspaceId)
    .where("keyId", "=", keyId)
    .where("roleId", "in", ids)
    .execute();
}
