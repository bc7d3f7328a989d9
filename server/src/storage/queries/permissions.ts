import type { Db, Tx } from "../schema.ts";
import { type PermissionRecord, type RoleRecord, withPermissions } from "./grants.ts";
import { contains } from "./search.ts";

const columns = ["id", "name", "slug", "description"] as const;

/** The permission with this id or slug; where both exist, the one with the id. */
export async function findPermission(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<PermissionRecord | undefined> {
  return db
    .selectFrom("permissions")
    .select(columns)
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("slug", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .executeTakeFirst();
}

/** Whether it was inserted; false where the workspace has this slug. */
export async function insertPermission(
  tx: Tx,
  workspaceId: string,
  permission: PermissionRecord,
  nowMs: number,
): Promise<boolean> {
  const row = await tx
    .insertInto("permissions")
    .values({ ...permission, workspaceId, createdAtMs: nowMs })
    .onConflict((conflict) => conflict.columns(["workspaceId", "slug"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes it and takes it from all keys and roles. */
export async function deletePermissionRow(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await tx.deleteFrom("permissions").where("workspaceId", "=", workspaceId).where("id", "=", id).execute();
}

export type SearchFilter = {
  /** rows whose id comes after this in byte order */
  afterId: string | undefined;
  limit: number;
  /** literal text, ASCII letters in either case */
  search: string | undefined;
};

/** Permissions in creation order; `search` looks at id, name, slug and description. */
export async function listPermissions(
  db: Db,
  workspaceId: string,
  filter: SearchFilter,
): Promise<PermissionRecord[]> {
  const { afterId, search } = filter;
  let query = db
    .selectFrom("permissions")
    .select(columns)
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .limit(filter.limit);
  if (afterId !== undefined) query = query.where("id", ">", afterId);
  if (search !== undefined) {
    query = query.where((eb) =>
      eb.or(["id", "name", "slug", "description"].map((column) => contains(column, search))),
    );
  }
  return query.execute();
}

/** The role with this id or name; where both exist, the one with the id. */
export async function findRole(db: Db, workspaceId: string, ref: string): Promise<RoleRecord | undefined> {
  const rows = await db
    .selectFrom("roles")
    .select(["id", "name", "description"])
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("name", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .execute();
  return (await withPermissions(db, workspaceId, rows))[0];
}

/** As `findRole`, and nobody else changes it before this transaction ends. */
export async function lockRole(tx: Tx, workspaceId: string, ref: string): Promise<RoleRecord | undefined> {
  const found = await findRole(tx, workspaceId, ref);
  if (found === undefined) return undefined;
  const rows = await tx
    .selectFrom("roles")
    .select(["id", "name", "description"])
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", found.id)
    .forUpdate()
    .execute();
  return (await withPermissions(tx, workspaceId, rows))[0];
}

/** As `findPermission`, and nobody else changes it before this transaction ends. */
export async function lockPermission(
  tx: Tx,
  workspaceId: string,
  ref: string,
): Promise<PermissionRecord | undefined> {
  const found = await findPermission(tx, workspaceId, ref);
  if (found === undefined) return undefined;
  return tx
    .selectFrom("permissions")
    .select(columns)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", found.id)
    .forUpdate()
    .executeTakeFirst();
}

/** Whether the permission now is as given; false where another one of the workspace has the slug. */
export async function applyPermission(tx: Tx, workspaceId: string, to: PermissionRecord): Promise<boolean> {
  const row = await tx
    .updateTable("permissions")
    .set({ name: to.name, slug: to.slug, description: to.description })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", to.id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("permissions as other")
            .select("other.id")
            .where("other.workspaceId", "=", workspaceId)
            .where("other.slug", "=", to.slug)
            .where("other.id", "!=", to.id),
        ),
      ),
    )
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether the role now is as given; false where another one of the workspace has the name. */
export async function applyRole(
  tx: Tx,
  workspaceId: string,
  to: { id: string; name: string; description: string | null },
): Promise<boolean> {
  const row = await tx
    .updateTable("roles")
    .set({ name: to.name, description: to.description })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", to.id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("roles as other")
            .select("other.id")
            .where("other.workspaceId", "=", workspaceId)
            .where("other.name", "=", to.name)
            .where("other.id", "!=", to.id),
        ),
      ),
    )
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether it was inserted; false where the workspace has this name. */
export async function insertRole(
  tx: Tx,
  workspaceId: string,
  role: { id: string; name: string; description: string | null },
  nowMs: number,
): Promise<boolean> {
  const row = await tx
    .insertInto("roles")
    .values({ ...role, workspaceId, createdAtMs: nowMs })
    .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes it and takes it from all keys. */
export async function deleteRoleRow(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await tx.deleteFrom("roles").where("workspaceId", "=", workspaceId).where("id", "=", id).execute();
}

/** Roles with their permissions in creation order; `search` looks at id, name and description. */
export async function listRoles(db: Db, workspaceId: string, filter: SearchFilter): Promise<RoleRecord[]> {
  const { afterId, search } = filter;
  let query = db
    .selectFrom("roles")
    .select(["id", "name", "description"])
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .limit(filter.limit);
  if (afterId !== undefined) query = query.where("id", ">", afterId);
  if (search !== undefined) {
    query = query.where((eb) =>
      eb.or(["id", "name", "description"].map((column) => contains(column, search))),
    );
  }
  return withPermissions(db, workspaceId, await query.execute());
}

export async function insertRolePermissions(
  tx: Tx,
  workspaceId: string,
  roleId: string,
  ids: readonly string[],
) {
  if (ids.length === 0) return;
  await tx
    .insertInto("rolePermissions")
    .values(ids.map((permissionId) => ({ workspaceId, roleId, permissionId })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function deleteRolePermissions(
  tx: Tx,
  workspaceId: string,
  roleId: string,
  ids: readonly string[],
) {
  if (ids.length === 0) return;
  await tx
    .deleteFrom("rolePermissions")
    .where("workspaceId", "=", workspaceId)
    .where("roleId", "=", roleId)
    .where("permissionId", "in", ids)
    .execute();
}
