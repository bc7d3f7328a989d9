import type { Tx } from "../schema.ts";

/**
 * The workspace id of deleted permissions and roles. Very many keys may have the same permission or role. So a deletion
 * only sets this workspace id, and the clean-up later deletes the row and the rows that link it to keys and roles.
 */
export const goneWorkspace = "";

/**
 * Finds a deleted permission, and deletes at most `limit` of its links to keys and roles. If no links are left, deletes
 * the permission's row. Returns `limit` if there may be more to delete, otherwise 0.
 */
export async function deleteGonePermission(tx: Tx, limit: number): Promise<number> {
  const gone = await firstGone(tx, "permissions");
  if (gone === undefined) return 0;
  if (await deleteLinks(tx, "keyPermissions", "permissionId", "keyId", gone, limit)) return limit;
  if (await deleteLinks(tx, "rolePermissions", "permissionId", "roleId", gone, limit)) return limit;
  await tx.deleteFrom("permissions").where("id", "=", gone).execute();
  return limit; // makes the clean-up call this function again, because there may be another deleted permission
}

/** Like `deleteGonePermission`, for roles. */
export async function deleteGoneRole(tx: Tx, limit: number): Promise<number> {
  const gone = await firstGone(tx, "roles");
  if (gone === undefined) return 0;
  if (await deleteLinks(tx, "keyRoles", "roleId", "keyId", gone, limit)) return limit;
  if (await deleteLinks(tx, "rolePermissions", "roleId", "permissionId", gone, limit)) return limit;
  await tx.deleteFrom("roles").where("id", "=", gone).execute();
  return limit;
}

async function firstGone(tx: Tx, table: "permissions" | "roles"): Promise<string | undefined> {
  const query = tx.selectFrom(table).select("id").where("workspaceId", "=", goneWorkspace).limit(1);
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
