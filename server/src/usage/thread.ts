import { StorageError } from "../storage/engine.ts";
import { startWorker } from "../storage/workerThread.ts";
import type { UsageOrder, UsageOrderOf, UsageResults } from "./orders.ts";
import type { UsagePlace } from "./worker.ts";

/** The usage thread, which stores and reads usage. */
export type UsageThread = {
  /** Sends an order and waits for its result. Errors: `StorageError` if the usage database fails. */
  ask<K extends UsageOrder["kind"]>(order: UsageOrderOf<K>): Promise<UsageResults[K]>;
  close(): Promise<void>;
};

/** Starts the usage thread. The thread connects to the usage database when it gets the first order. */
export function startUsageThread(place: UsagePlace): UsageThread {
  const script = new URL("./worker.ts", import.meta.url);
  const { ask, close } = startWorker<UsagePlace, UsageOrder>(
    script,
    place,
    ({ message }) => new StorageError("unavailable", message),
  );
  return {
    async ask<K extends UsageOrder["kind"]>(order: UsageOrderOf<K>) {
      const [result] = await ask(order);
      return result as UsageResults[K];
    },
    close,
  };
}
