import type { Tx } from "../schema.ts";

/** Answers are kept this long. */
const keptMs = 24 * 60 * 60 * 1000;

export type Claim = { id: string; workspaceId: string; bodyHash: string; nowMs: number };

/** Whether this call is the first with its id; undefined then, else what the first one left. */
export async function claimIdempotency(
  tx: Tx,
  claim: Claim,
): Promise<{ bodyHash: string; answer: string } | undefined> {
  await tx
    .deleteFrom("idempotency")
    .where("workspaceId", "=", claim.workspaceId)
    .where("id", "=", claim.id)
    .where("createdAtMs", "<=", claim.nowMs - keptMs)
    .execute();
  const { id, workspaceId, bodyHash, nowMs } = claim;
  const inserted = await tx
    .insertInto("idempotency")
    .values({ id, workspaceId, bodyHash, answer: "", createdAtMs: nowMs })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted !== undefined) return undefined;
  return tx
    .selectFrom("idempotency")
    .select(["bodyHash", "answer"])
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
}

export async function setIdempotentAnswer(
  tx: Tx,
  workspaceId: string,
  id: string,
  answer: string,
): Promise<void> {
  await tx
    .updateTable("idempotency")
    .set({ answer })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .execute();
}

/** Deletes at most `limit` answers that are no longer kept, of all workspaces; answers how many there were. */
export async function deleteOldAnswers(tx: Tx, nowMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom("idempotency")
    .select("id")
    .where("createdAtMs", "<=", nowMs - keptMs)
    .orderBy("createdAtMs")
    .limit(limit);
  const rows = await tx.deleteFrom("idempotency").where("id", "in", old).returning("id").execute();
  return rows.length;
}
