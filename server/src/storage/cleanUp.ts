import type { Engine } from "./engine.ts";
import { deleteOldAuditEvents } from "./queries/audit.ts";
import { deleteOldAnswers } from "./queries/idempotency.ts";
import type { Tx } from "./schema.ts";

/** small enough that a write that waits behind it does not notice */
const rowsAtOnce = 500;

/** Deletes at most so many rows that are no longer kept, and answers how many there were. */
type Task = (tx: Tx, nowMs: number, limit: number) => Promise<number>;

/** What is cleaned up; `auditRetentionMs` undefined keeps the audit trail for ever. */
export function cleanUpTasks(auditRetentionMs: number | undefined): Task[] {
  if (auditRetentionMs === undefined) return [deleteOldAnswers];
  return [deleteOldAnswers, (tx, nowMs, limit) => deleteOldAuditEvents(tx, nowMs - auditRetentionMs, limit)];
}

/**
 * Deletes what is no longer kept, a little at a time, for as long as there is some. Of several nodes one does it at a
 * time. `report` hears of failures; the next minute tries again. Answers a function that stops it.
 */
export function cleanUp(
  engine: Engine,
  nowMs: () => number,
  report: (level: "warn", event: string, fields: { message: string }) => void,
  tasks: readonly Task[],
  everyMs = 60_000,
): () => Promise<void> {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(cleanAll);
  }, everyMs);
  timer.unref();

  async function cleanAll(): Promise<void> {
    for (const task of tasks) await cleanOne(task);
  }

  async function cleanOne(task: Task): Promise<void> {
    try {
      let deleted = rowsAtOnce;
      while (deleted === rowsAtOnce && !stopped) {
        deleted = await engine.transaction((tx) => task(tx, nowMs(), rowsAtOnce), { alone: "clean up" });
      }
    } catch (error) {
      report("warn", "clean_up_failed", { message: error instanceof Error ? error.name : "unknown" });
    }
  }

  return async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  };
}
