import { planAdditions, type UsageAddition } from "../domain/usage.ts";
import type { Db } from "../storage/schema.ts";
import type { UsageQuery, UsageRow } from "./usage.ts";
import type { UsageBatch } from "./usageThread.ts";

/** What is kept how long: minutes a week, hours a quarter, days three years. */
const keptMs = { minute: 7 * 86_400_000, hour: 92 * 86_400_000, day: 1_096 * 86_400_000 } as const;
/** so many rows go into one statement */
const rowsAtOnce = 500;
const deletedAtOnce = 5_000;

/**
 * Adds a batch to what is stored. To be run in one transaction. Rows are locked in the order of their keys, so that
 * nodes that count the same things at once wait for each other in line.
 */
export async function addUsage(db: Db, batch: UsageBatch, newId: () => string): Promise<void> {
  for (const rows of chunks(inOrder(planAdditions(batch.counts), keyOfAddition))) await addRows(db, rows);
  for (const rows of chunks(inOrder(lastUsesOf(batch), ({ keyId }) => keyId))) await setLastUses(db, rows);
  for (const events of chunks(batch.events)) {
    const rows = events.map((event) => {
      const { workspaceId, atMs } = event;
      return { id: newId(), workspaceId, atMs, event: JSON.stringify(event) };
    });
    await db.insertInto("usageEvents").values(rows).execute();
  }
}

const keyOfAddition = ({ subjectId, period, startMs, outcome, tag }: UsageAddition) =>
  `${subjectId} ${period} ${startMs} ${outcome} ${tag}`; // ids tell workspaces apart

function inOrder<T>(rows: readonly T[], keyOf: (row: T) => string): T[] {
  return rows
    .map((row) => ({ row, key: keyOf(row) }))
    .sort((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ row }) => row);
}

async function addRows(db: Db, rows: readonly UsageAddition[]): Promise<void> {
  await db
    .insertInto("usage")
    .values([...rows])
    .onConflict((conflict) =>
      conflict
        .columns(["workspaceId", "subjectId", "period", "startMs", "outcome", "tag"])
        .doUpdateSet((eb) => ({
          count: eb("usage.count", "+", eb.ref("excluded.count")),
          credits: eb("usage.credits", "+", eb.ref("excluded.credits")),
        })),
    )
    .execute();
}

type LastUse = { workspaceId: string; keyId: string; atMs: number };

function lastUsesOf(batch: UsageBatch): LastUse[] {
  const latest = new Map<string, LastUse>();
  for (const { workspaceId, keyId, lastMs } of batch.counts) {
    if (keyId === undefined || (latest.get(keyId)?.atMs ?? 0) >= lastMs) continue;
    latest.set(keyId, { workspaceId, keyId, atMs: lastMs });
  }
  return [...latest.values()];
}

async function setLastUses(db: Db, rows: readonly LastUse[]): Promise<void> {
  await db
    .insertInto("lastUses")
    .values([...rows])
    .onConflict((conflict) =>
      conflict
        .columns(["workspaceId", "keyId"])
        .doUpdateSet((eb) => ({ atMs: eb.ref("excluded.atMs") }))
        .whereRef("excluded.atMs", ">", "lastUses.atMs"),
    )
    .execute();
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += rowsAtOnce) yield items.slice(at, at + rowsAtOnce);
}

/** Counts of one subject, in order of time. */
export async function queryUsage(db: Db, query: UsageQuery): Promise<UsageRow[]> {
  return db
    .selectFrom("usage")
    .select(["startMs", "outcome", "count", "credits"])
    .where("workspaceId", "=", query.workspaceId)
    .where("subjectId", "=", query.subjectId)
    .where("period", "=", query.period)
    .where("startMs", ">=", query.startMs)
    .where("startMs", "<", query.endMs)
    .where("tag", "=", query.tag ?? "")
    .orderBy("startMs")
    .orderBy("outcome")
    .execute();
}

export async function queryLastUses(db: Db, workspaceId: string, keyIds: readonly string[]) {
  return db
    .selectFrom("lastUses")
    .select(["keyId", "atMs"])
    .where("workspaceId", "=", workspaceId)
    .where("keyId", "in", keyIds)
    .execute();
}

/** Deletes some of what is no longer kept, of all workspaces. To be run again for as long as it answers true. */
export async function pruneUsage(db: Db, nowMs: number, eventsKeptMs: number): Promise<boolean> {
  let more = false;
  const oldEvents = db
    .selectFrom("usageEvents")
    .select("id")
    .where("atMs", "<", nowMs - eventsKeptMs)
    .orderBy("atMs")
    .limit(deletedAtOnce);
  const events = await db.deleteFrom("usageEvents").where("id", "in", oldEvents).returning("id").execute();
  if (events.length === deletedAtOnce) more = true;
  for (const period of ["minute", "hour", "day"] as const) {
    await db
      .deleteFrom("usage")
      .where("period", "=", period)
      .where("startMs", "<", nowMs - keptMs[period])
      .execute();
  }
  return more;
}
