import type { ReadSlowly } from "../slowReads.ts";
import { startWorker, type WorkerThread } from "../workerThread.ts";
import { storageError } from "./sqliteErrors.ts";
import type { Order, WorkerStart } from "./sqliteWorker.ts";

/** A background thread of the SQLite engine, with its own connection. */
export type SqliteThread = WorkerThread<Order>;

/**
 * Starts a thread that flushes commits, or copies the write-ahead log back into the database file. It has normal
 * priority, because transactions wait for it.
 */
export function startThread(path: string): SqliteThread {
  return start({ path, yields: false });
}

/**
 * Returns a thread for slow reads. It has low priority, so that verifications and the other threads get the processor
 * first. The thread starts with the first slow read, so a server without lists and searches spends no memory on it.
 */
export function slowReadThread(path: string): SqliteThread {
  let thread: SqliteThread | undefined;
  return {
    ask(order) {
      thread ??= start({ path, yields: true });
      return thread.ask(order);
    },
    close: async () => thread?.close(),
  };
}

/** Runs slow reads on the thread. */
export function readerOn(thread: SqliteThread): ReadSlowly {
  return async (name, args) => {
    const [result] = await thread.ask({ kind: "run", read: { name, args } });
    return result as never;
  };
}

function start(options: WorkerStart): SqliteThread {
  const script = new URL("./sqliteWorker.ts", import.meta.url);
  return startWorker<WorkerStart, Order>(script, options, ({ message, code }) =>
    storageError(Object.assign(new Error(message), { code })),
  );
}
