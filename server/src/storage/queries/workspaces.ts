import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

export async function insertWorkspace(tx: Tx, workspace: { id: string; name: string; nowMs: number }) {
  await tx
    .insertInto("workspaces")
    .values({
      id: workspace.id,
      name: workspace.name,
      enabled: 1,
      createdAtMs: workspace.nowMs,
      timeZone: "UTC",
    })
    .execute();
}

/** Lists all workspaces in the order of their creation. */
export async function listWorkspaces(db: Db) {
  return db.selectFrom("workspaces").selectAll().orderBy("id").execute();
}

/** Enables or disables a workspace. Returns false if it does not exist. */
export async function setWorkspaceEnabled(tx: Tx, id: string, enabled: boolean): Promise<boolean> {
  const row = await tx
    .updateTable("workspaces")
    .set({ enabled: enabled ? 1 : 0 })
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Returns the IANA name of the workspace's time zone. Quotas without a time zone of their own use this time zone. */
export async function findTimeZone(db: Db, id: string): Promise<string> {
  const [row] = await selectTimeZone(db, { id });
  return row?.timeZone ?? "UTC";
}

const selectTimeZone = prepared((db, { id }: { id: string }) =>
  db.selectFrom("workspaces").select("timeZone").where("id", "=", id).compile(),
);

/** Sets the workspace's time zone. Returns false if the workspace does not exist. */
export async function setWorkspaceTimeZone(tx: Tx, id: string, timeZone: string): Promise<boolean> {
  const row = await tx
    .updateTable("workspaces")
    .set({ timeZone })
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Locks the workspace's row until this transaction ends. A transaction takes this lock before it checks something
 * across the workspace, such as the number of namespaces, and then makes a change. So no other transaction can make
 * such a change between the check and the change.
 */
export async function lockWorkspace(tx: Tx, id: string): Promise<void> {
  await lockRow(tx, { id });
}

const lockRow = prepared((db, { id }: { id: string }) =>
  db.selectFrom("workspaces").select("id").where("id", "=", id).forNoKeyUpdate().compile(),
);

export async function findWorkspace(db: Db, id: string) {
  return (await selectRow(db, { id }))[0];
}

const selectRow = prepared((db, { id }: { id: string }) =>
  db.selectFrom("workspaces").selectAll().where("id", "=", id).compile(),
);
