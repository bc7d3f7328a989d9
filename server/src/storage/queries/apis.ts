import type { Db, Tx } from "../schema.ts";

export type ApiRecord = { id: string; name: string };

export async function insertApi(
  tx: Tx,
  api: { id: string; workspaceId: string; name: string; nowMs: number },
) {
  await tx
    .insertInto("apis")
    .values({
      id: api.id,
      workspaceId: api.workspaceId,
      name: api.name,
      createdAtMs: api.nowMs,
      deletedAtMs: null,
    })
    .execute();
}

/** The api, unless it is deleted. */
export async function findApi(db: Db, workspaceId: string, id: string): Promise<ApiRecord | undefined> {
  return db
    .selectFrom("apis")
    .select(["id", "name"])
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .where("deletedAtMs", "is", null)
    .executeTakeFirst();
}

/** Whether it was there to delete. Its keys are gone with it, without being touched. */
export async function setApiDeleted(
  tx: Tx,
  workspaceId: string,
  id: string,
  nowMs: number,
): Promise<boolean> {
  const row = await tx
    .updateTable("apis")
    .set({ deletedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .where("deletedAtMs", "is", null)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}
