import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import type { SqliteThread } from "./sqliteThread.ts";
import type { SerialQueue } from "./sqliteTransaction.ts";

/** Checked on every commit. The log stays within 64 MiB unless a single transaction writes more than 24 MiB. */
export type LogLimits = {
  /** above this the log is copied back into the database while writes go on, and then emptied */
  foldBytes: number;
  /** above this the next transaction waits until the log is empty */
  maxBytesBefore: number;
};

export const logLimits: LogLimits = { foldBytes: 16 * 1024 * 1024, maxBytesBefore: 32 * 1024 * 1024 };
const tickMs = 250;

type LogOptions = {
  writer: Database;
  /** copies and flushes the log */
  thread: SqliteThread;
  queue: SerialQueue;
  limits: LogLimits;
  logBytes(): number;
};

/**
 * Copies the write-ahead log back into the database and empties it: before it grows without bound, and when the database
 * is idle, so that deleted data does not remain in it. A thread of its own does the copying. The writer's own connection
 * empties the log, since to this process a log emptied by another connection looks like a foreign change.
 */
export function logKeeper({ writer, thread, queue, limits, logBytes }: LogOptions) {
  let changes = 0;
  let folding = false;
  let notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Must run while no transaction does. */
  async function empty(): Promise<void> {
    changes = 0;
    if (await copyAndTruncate(writer, thread)) return;
    changes += 1;
    notBeforeMs = performance.now() + tickMs;
  }

  /** Copies while others write, so that they do not wait for it. `isWanted` is called just before the log is emptied. */
  async function fold(isWanted: () => boolean): Promise<void> {
    if (folding) return;
    folding = true;
    await copyLog(thread).catch(() => undefined);
    await queue(async () => {
      if (isWanted()) await empty();
    });
    folding = false;
  }

  const isAbove = (bytes: number) => performance.now() > notBeforeMs && logBytes() > bytes;
  const stopWaiting = whenIdle(
    () => changes,
    (seen) => void fold(() => changes === seen),
  );

  return {
    /** Call before each transaction, while no other runs. */
    async makeRoom() {
      if (isAbove(limits.maxBytesBefore)) await empty();
    },
    /** Call after each transaction, even one that failed: it may have written too. */
    grew() {
      changes += 1;
      if (!folding && isAbove(limits.foldBytes)) void fold(() => true);
    },
    /** Call after the last transaction. */
    async close() {
      stopWaiting();
      if (changes > 0) await empty();
    },
  };
}

const copyLog = (thread: SqliteThread) => thread.ask({ kind: "checkpoint" });

/**
 * Returns false if another process's reader or a full disk prevents it. No data is lost then; the log grows until a later
 * attempt succeeds.
 */
async function copyAndTruncate(writer: Database, thread: SqliteThread): Promise<boolean> {
  try {
    await copyLog(thread);
    const [outcome] = writer.query<{ busy: number }, []>("pragma wal_checkpoint(truncate)").all();
    return outcome?.busy === 0;
  } catch {
    return false;
  }
}

/** Calls `work` when there have been changes, but none since the last tick. Returns a function that stops it. */
function whenIdle(changes: () => number, work: (seen: number) => void): () => void {
  let seenAtLastTick = 0;
  const timer = setInterval(() => {
    const seen = changes();
    if (seen > 0 && seen === seenAtLastTick) work(seen);
    seenAtLastTick = seen;
  }, tickMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** The size of the log of the database at `path`. */
export function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
