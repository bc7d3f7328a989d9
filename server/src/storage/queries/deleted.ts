import type { Tx } from "../schema.ts";

/**
 * The workspace id of deleted permissions and roles. Very many keys may have the same permission or role. So a deletion
 * only sets this workspace id, and the clean-up later deletes the row and the rows that link it to keys and roles.
 */
export const workspaceOfDeleted = "";

/**
 * Finds a deleted permission, and deletes at most `limit` of its links to keys and roles. If no links are left, deletes
 * the permission's row. Returns `limit` if there may be more to delete, otherwise 0.
 */
export async function purgeDeletedPermission(tx: Tx, limit: number): Promise<number> {
  const deleted = await firstDeleted(tx, "permissions");
  if (deleted === undefined) return 0;
  if (await deleteLinks(tx, "keyPermissions", "permissionId", "keyId", deleted, limit)) return limit;
  if (await deleteLinks(tx, "rolePermissions", "permissionId", "roleId", deleted, limit)) return limit;
  await tx.deleteFrom("permissions").where("id", "=", deleted).execute();
  return limit; // makes the clean-up call this function again, because there may be another deleted permission
}

/** Like `purgeDeletedPermission`, for roles. */
export async function purgeDeletedRole(tx: Tx, limit: number): Promise<number> {
  const deleted = await firstDeleted(tx, "roles");
  if (deleted === undefined) return 0;
  if (await deleteLinks(tx, "keyRoles", "roleId", "keyId", deleted, limit)) return limit;
  if (await deleteLinks(tx, "rolePermissions", "roleId", "permissionId", deleted, limit)) return limit;
  await tx.deleteFrom("roles").where("id", "=", deleted).execute();
  return limit;
}

async function firstDeleted(tx: Tx, table: "permissions" | "roles"): Promise<string | undefined> {
  const query = tx.selectFrom(table).select("id").where("workspaceId", "=", workspaceOfDeleted).limit(1);
  return (await query.executeTakeFirst())?.id;
}

/** Deletes at most `limit` links whose `column` is `id`. Returns whether it deleted any. */
async function deleteLinks(
  tx: Tx,
  table: "keyPermissions" | "keyRoles" | "rolePermissions",
  column: "permissionId" | "roleId",
  other: "keyId" | "roleId" | "permissionId",
  id: string,
  limit: number,
): Promise<boolean> {
  const { ref } = tx.dynamic;
  const some = tx.selectFrom(table).select(ref<string>(other)).where(ref(column), "=", id).limit(limit);
  const rows = await tx
    .deleteFrom(table)
    .where(ref(column), "=", id)
    .where(ref(other), "in", some)
    .returning("workspaceId")
    .execute();
  return rows.length > 0;
}
