import type { Db, Tx } from "../schema.ts";
import { type RootKeyRecord, rootKeyRecord, rootKeyRows } from "./rootKeys.ts";

/** A console session and the current state of its root key. */
export type ConsoleSession = {
  id: string;
  byLink: boolean;
  createdAtMs: number;
  seenAtMs: number;
  rootKey: RootKeyRecord;
};

/**
 * Finds a session by its id, which is the hash of its secret. Finds nothing if the root key of the session was deleted.
 */
export async function findConsoleSession(db: Db, id: string): Promise<ConsoleSession | undefined> {
  const row = await rootKeyRows(db)
    .innerJoin("consoleSessions", "consoleSessions.rootKeyId", "rootKeys.id")
    .select(["consoleSessions.byLink", "consoleSessions.createdAtMs as startedAtMs"])
    .select("consoleSessions.seenAtMs")
    .where("consoleSessions.id", "=", id)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    id,
    byLink: row.byLink === 1,
    createdAtMs: row.startedAtMs,
    seenAtMs: row.seenAtMs,
    rootKey: rootKeyRecord(row),
  };
}

export type NewConsoleSession = {
  id: string;
  workspaceId: string;
  rootKeyId: string;
  byLink: boolean;
  nowMs: number;
};

/**
 * Inserts a session. If the session's root key then has more than `most` sessions, deletes those that have been unused
 * for longest.
 */
export async function insertConsoleSession(
  tx: Tx,
  { id, workspaceId, rootKeyId, byLink, nowMs }: NewConsoleSession,
  most: number,
): Promise<void> {
  await tx
    .insertInto("consoleSessions")
    .values({ id, workspaceId, rootKeyId, byLink: byLink ? 1 : 0, createdAtMs: nowMs, seenAtMs: nowMs })
    .execute();
  const kept = tx
    .selectFrom("consoleSessions")
    .select("id")
    .where("rootKeyId", "=", rootKeyId)
    .orderBy("seenAtMs", "desc")
    .orderBy("createdAtMs", "desc")
    .limit(most);
  await tx
    .deleteFrom("consoleSessions")
    .where("rootKeyId", "=", rootKeyId)
    .where("id", "!=", id)
    .where("id", "not in", kept)
    .execute();
}

/** Stores that the session was used at `nowMs`. */
export async function touchConsoleSession(tx: Tx, id: string, nowMs: number): Promise<void> {
  await tx.updateTable("consoleSessions").set({ seenAtMs: nowMs }).where("id", "=", id).execute();
}

/** Deletes a session. Returns false if it does not exist. */
export async function deleteConsoleSession(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.deleteFrom("consoleSessions").where("id", "=", id).returning("id").executeTakeFirst();
  return row !== undefined;
}

/**
 * Deletes at most `limit` sessions that began before `beforeMs` or after `afterMs`. Sessions that began after `afterMs`
 * were created while the clock was wrong. Returns how many it deleted.
 */
export async function deleteOldConsoleSessions(
  tx: Tx,
  { beforeMs, afterMs }: { beforeMs: number; afterMs: number },
  limit: number,
): Promise<number> {
  const old = tx
    .selectFrom("consoleSessions")
    .select("id")
    .where((eb) => eb.or([eb("createdAtMs", "<", beforeMs), eb("createdAtMs", ">", afterMs)]))
    .orderBy("createdAtMs")
    .limit(limit);
  const rows = await tx.deleteFrom("consoleSessions").where("id", "in", old).returning("id").execute();
  return rows.length;
}
