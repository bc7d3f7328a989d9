import { StorageError } from "../engine.ts";
import type { Order, WorkerAnswer } from "./sqliteWorker.ts";

/** A background thread with a connection of its own. */
export type SqliteThread = {
  /** Resolves to the rows. Errors: `StorageError`. */
  ask(order: Order): Promise<unknown[]>;
  close(): Promise<void>;
};

type Waiting = { resolve(rows: unknown[]): void; reject(error: StorageError): void };

export function startThread(path: string): SqliteThread {
  const worker = new Worker(new URL("./sqliteWorker.ts", import.meta.url).href);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  worker.postMessage({ path });
  worker.onmessage = ({ data }: { data: WorkerAnswer }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (waiting.size === 0) worker.unref();
    if (data.error === undefined) asked?.resolve(data.rows);
    else asked?.reject(new StorageError("unavailable", data.error.message, data.error));
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new StorageError("unavailable", event.message));
    waiting.clear();
  };
  worker.unref();

  return {
    ask(order) {
      lastId += 1;
      const id = lastId;
      if (waiting.size === 0) worker.ref();
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, order });
      });
    },
    close: async () => worker.terminate(),
  };
}
