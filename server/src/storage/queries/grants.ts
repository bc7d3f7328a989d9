import type { Tx } from "../schema.ts";

/** The ids of the permissions with these slugs; those that do not exist are made, named by their slug. */
export async function claimPermissions(
  tx: Tx,
  workspaceId: string,
  slugs: readonly string[],
  making: { newId: () => string; nowMs: number },
): Promise<{ ids: string[]; made: string[] }> {
  if (slugs.length === 0) return { ids: [], made: [] };
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
  const all = await tx
    .selectFrom("permissions")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("slug", "in", slugs)
    .execute();
  return { ids: all.map((row) => row.id), made: made.map((row) => row.id) };
}

/** The roles that exist among these names, compared byte for byte. */
export async function findRolesByName(tx: Tx, workspaceId: string, names: readonly string[]) {
  if (names.length === 0) return [];
  return tx
    .selectFrom("roles")
    .select(["id", "name"])
    .where("workspaceId", "=", workspaceId)
    .where("name", "in", names)
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

export async function insertKeyRoles(tx: Tx, workspaceId: string, keyId: string, ids: readonly string[]) {
  if (ids.length === 0) return;
  await tx
    .insertInto("keyRoles")
    .values(ids.map((roleId) => ({ workspaceId, keyId, roleId })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
