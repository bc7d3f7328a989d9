import { startWorker, type WorkerThread } from "../workerThread.ts";
import { storageError } from "./sqliteErrors.ts";
import type { Order, WorkerStart } from "./sqliteWorker.ts";

/** A background thread with a connection of its own. */
export type SqliteThread = WorkerThread<Order>;

export function startThread(path: string): SqliteThread {
  const start: WorkerStart = { path };
  return startWorker<Order>(new URL("./sqliteWorker.ts", import.meta.url), start, ({ message, code }) =>
    storageError(Object.assign(new Error(message), { code })),
  );
}
