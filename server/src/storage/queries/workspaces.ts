import type { Db, Tx } from "../schema.ts";

export async function insertWorkspace(tx: Tx, workspace: { id: string; name: string; nowMs: number }) {
  await tx
    .insertInto("workspaces")
    .values({ id: workspace.id, name: workspace.name, enabled: 1, createdAtMs: workspace.nowMs })
    .execute();
}

/** All workspaces, in creation order. */
export async function listWorkspaces(db: Db) {
  return db.selectFrom("workspaces").selectAll().orderBy("id").execute();
}

/** Whether there is such a workspace. */
export async function setWorkspaceEnabled(tx: Tx, id: string, enabled: boolean): Promise<boolean> {
  const row = await tx
    .updateTable("workspaces")
    .set({ enabled: enabled ? 1 : 0 })
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}
