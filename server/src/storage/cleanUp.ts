import { nextTurn } from "../domain/nextTurn.ts";
import { settlementEvent, type UsageEvent } from "../domain/usage.ts";
import { type Engine, StorageError } from "./engine.ts";
import { deleteOldAuditEvents } from "./queries/audit.ts";
import { deleteOldConsoleSessions } from "./queries/consoleSessions.ts";
import { purgeDeletedPermission, purgeDeletedRole } from "./queries/deleted.ts";
import { deleteOldHolds } from "./queries/holds.ts";
import { deleteOldResponses } from "./queries/idempotency.ts";
import { deleteOldMovements } from "./queries/movements.ts";
import { endChargedHolds } from "./queries/settling.ts";
import type { Tx } from "./schema.ts";

/** the number of rows that one transaction deletes; so few that other writes hardly have to wait for it */
const batchRows = 500;

/**
 * Each task deletes at most `limit` rows, and returns how many it deleted. A task that returns `limit` is run again,
 * because there may be more rows to delete.
 */
export type CleanUpTasks = {
  always: readonly ((tx: Tx, limit: number) => Promise<number>)[];
  /** tasks that delete rows because of their age at `nowMs` */
  byAge: readonly ((tx: Tx, nowMs: number, limit: number) => Promise<number | Done>)[];
};

/**
 * The result of a task that has something left to do after its commit. `count` is the number of rows that the task
 * deleted or ended. `committed` does the rest; it is called once, after the commit.
 */
type Done = { count: number; committed(): void };

/** how long a console session is stored, in milliseconds: longer than any session stays valid */
const sessionKeptMs = 24 * 60 * 60 * 1000;

/**
 * Returns the tasks of the clean-up. If `auditRetentionMs` is undefined, the audit trail and the ledger of credits are
 * kept forever. `record` is called with the charges of expired holds, so that usage counts them.
 */
export function cleanUpTasks(
  auditRetentionMs: number | undefined,
  record: (event: UsageEvent) => void,
): CleanUpTasks {
  const always = [purgeDeletedPermission, purgeDeletedRole];
  const usual: CleanUpTasks["byAge"] = [
    deleteOldResponses,
    (tx, nowMs, limit) => chargeExpiredHolds(tx, { nowMs, limit }, record),
    deleteOldHolds,
    (tx, nowMs, limit) =>
      deleteOldConsoleSessions(
        tx,
        { beforeMs: nowMs - sessionKeptMs, afterMs: nowMs + sessionKeptMs },
        limit,
      ),
  ];
  if (auditRetentionMs === undefined) return { always, byAge: usual };
  return {
    always,
    byAge: [
      ...usual,
      (tx, nowMs, limit) => deleteOldMovements(tx, nowMs - auditRetentionMs, limit),
      (tx, nowMs, limit) => deleteOldAuditEvents(tx, nowMs - auditRetentionMs, limit),
    ],
  };
}

/**
 * Ends expired holds whose `onExpiry` is "charge": their full amount is charged. After the commit, records the charges
 * in usage.
 */
async function chargeExpiredHolds(
  tx: Tx,
  { nowMs, limit }: { nowMs: number; limit: number },
  record: (event: UsageEvent) => void,
): Promise<Done> {
  const ended = await endChargedHolds(tx, nowMs, limit);
  const events = ended
    .filter(({ spent }) => spent > 0)
    .map(({ hold, spent }) => {
      const { expiresAtMs: atMs, requestId } = hold;
      return settlementEvent(hold, { atMs, requestId: requestId ?? hold.id, credits: spent });
    });
  return { count: ended.length, committed: () => events.forEach(record) };
}

/**
 * Runs the tasks every `everyMs` milliseconds, on one node at a time. `steadyTimeMs` returns the time by which the age
 * of rows is measured. It returns `undefined` if the clock was set and cannot be trusted yet; then nothing is deleted
 * because of its age. `report` is called if a task fails; the next round runs the task again. Returns a function that
 * stops the clean-up.
 */
export function cleanUp(
  engine: Engine,
  steadyTimeMs: () => number | undefined,
  report: (level: "warn", event: string, fields: { message: string }) => void,
  { always, byAge }: CleanUpTasks,
  everyMs = 60_000,
): () => Promise<void> {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(cleanAll);
  }, everyMs);
  timer.unref();

  async function cleanAll(): Promise<void> {
    const nowMs = steadyTimeMs();
    for (const task of always) await cleanOne(task);
    if (nowMs === undefined) return;
    for (const task of byAge) await cleanOne((tx, limit) => task(tx, nowMs, limit));
  }

  async function cleanOne(task: (tx: Tx, limit: number) => Promise<number | Done>): Promise<void> {
    try {
      let deleted = batchRows;
      while (deleted === batchRows && !stopped) {
        deleted = finished(await engine.transaction((tx) => task(tx, batchRows), { alone: "clean up" }));
        await nextTurn();
      }
    } catch (error) {
      if (error instanceof StorageError && error.reason === "read_only") return;
      report("warn", "clean_up_failed", { message: error instanceof Error ? error.name : "unknown" });
    }
  }

  return async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  };
}

/** Completes a task after its commit, and returns the number of deleted rows. */
function finished(done: number | Done): number {
  if (typeof done === "number") return done;
  done.committed();
  return done.count;
}
