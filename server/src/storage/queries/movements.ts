import { inBatches } from "../batches.ts";
import { prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";

export const movementKinds = [
  "grant",
  "adjust",
  "set",
  "increment",
  "decrement",
  "refill",
  "reset",
  "rollover",
  "threshold",
  "settle",
  "release",
  "expire",
] as const;

/** A movement is an entry in the ledger of an owner's credits and quotas. */
export type Movement = Omit<Schema["movements"], "kind"> & { kind: (typeof movementKinds)[number] };

export async function insertMovements(tx: Tx, movements: readonly Movement[]): Promise<void> {
  await inBatches(movements, (rows) => insertRows(tx, { rows }));
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["movements"][] }) =>
  db.insertInto("movements").values(rows).compile(),
);

/** Deletes at most `limit` movements that are older than `beforeMs`, in all workspaces. Returns how many it deleted. */
export async function deleteOldMovements(tx: Tx, beforeMs: number, limit: number): Promise<number> {
  return (await deleteOld(tx, { beforeMs, limit })).length;
}

const deleteOld = prepared((db, { beforeMs, limit }: { beforeMs: number; limit: number }) =>
  db
    .deleteFrom("movements")
    .where(
      "id",
      "in",
      db.selectFrom("movements").select("id").where("atMs", "<", beforeMs).orderBy("atMs").limit(limit),
    )
    .returning("id")
    .compile(),
);

export type MovementFilter = {
  workspaceId: string;
  ownerId: string;
  /** only movements that are older than the movement with this id */
  beforeId: string | undefined;
  limit: number;
};

/** Lists the movements of an owner, newest first. */
export async function listMovements(db: Db, filter: MovementFilter): Promise<Movement[]> {
  return (await selectMovements(db, filter)) as Movement[];
}

const selectMovements = prepared((db, filter: MovementFilter) => {
  let query = db
    .selectFrom("movements")
    .select(["id", "workspaceId", "ownerId", "atMs", "kind", "quota", "amount"])
    .select(["remaining", "reason", "actorId"])
    .where("workspaceId", "=", filter.workspaceId)
    .where("ownerId", "=", filter.ownerId)
    .orderBy("id", "desc")
    .limit(filter.limit);
  if (filter.beforeId !== undefined) query = query.where("id", "<", filter.beforeId);
  return query.compile();
});
