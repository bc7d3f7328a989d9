import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import type { SqliteThread } from "./sqliteThread.ts";
import type { SerialQueue } from "./sqliteTransaction.ts";

/**
 * Limits of the write-ahead log, checked at every commit. The log stays within 64 MiB, unless a single transaction
 * writes more than 24 MiB, or the log cannot be emptied because another process is reading for long.
 */
export type LogLimits = {
  /**
   * If the log is larger than this, a thread copies it into the database while writes continue, and empties it then.
   */
  foldBytes: number;
  /** If the log is larger than this, the next transaction waits until the log is empty. */
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
 * Copies the write-ahead log back into the database and empties it: when the log is large, and when the database is
 * idle, because deleted data must not stay in the log. A separate thread copies.
 */
export function logKeeper({ writer, thread, queue, limits, logBytes }: LogOptions) {
  let changes = 0;
  let folding = false;
  let notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Copies the log back and empties it. No transaction may run meanwhile. */
  async function empty(): Promise<void> {
    changes = 0;
    if (await copyAndTruncate(writer, thread)) return;
    changes += 1;
    notBeforeMs = performance.now() + tickMs;
  }

  /**
   * Copies the log back while transactions continue, and then empties it. Calls `isWanted` just before it empties the
   * log, and does not empty the log if `isWanted` returns false.
   */
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
    /** Empties the log if it is too large. Call it before each transaction, while no other transaction runs. */
    async makeRoom() {
      if (isAbove(limits.maxBytesBefore)) await empty();
    },
    /**
     * Notes that the log may have grown. Call it after each transaction, even if the transaction failed: it may have
     * written something.
     */
    grew() {
      changes += 1;
      if (!folding && isAbove(limits.foldBytes)) void fold(() => true);
    },
    /** Empties the log for the last time. Call it after the last transaction. */
    async close() {
      stopWaiting();
      if (changes > 0) await empty();
    },
  };
}

const copyLog = (thread: SqliteThread) => thread.ask({ kind: "checkpoint" });

/**
 * Copies the log back and empties it. Returns false if that is impossible because another process is reading or the
 * disk is full. No data is lost then, but the log keeps growing until a later attempt succeeds.
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

/**
 * Checks at regular intervals, and calls `work` if `changes` is not 0 and has not grown since the last check. Returns a
 * function that stops the checks.
 */
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

/**
 * Returns the size of the write-ahead log of the database at `path`. If the size cannot be read, returns Infinity: the
 * log is then emptied, which is always allowed.
 */
export function logBytes(path: string): number {
  try {
    return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
