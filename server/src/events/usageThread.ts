import type { CountedUse } from "../domain/usage.ts";
import type { UsageQuery } from "./usage.ts";

/** What is stored at once; `events` are texts of JSON. */
export type UsageBatch = { counts: CountedUse[]; events: string[] };

export type UsageOrder =
  | ({ kind: "add"; nowMs: number } & UsageBatch)
  | { kind: "query"; query: UsageQuery }
  | { kind: "lastUses"; workspaceId: string; keyIds: readonly string[] };

/** Where usage is kept: a database of the same kind as the records'. */
export type UsagePlace = { url: string; eventsKeptMs: number };

export type UsageAnswer = { id: number; rows: unknown[]; error?: string };

/** The thread that stores and reads usage. */
export type UsageThread = {
  ask(order: UsageOrder): Promise<unknown[]>;
  close(): Promise<void>;
};

type Waiting = { resolve(rows: unknown[]): void; reject(error: Error): void };

/** Starts the thread; it opens its store with the first order. */
export function startUsageThread(place: UsagePlace): UsageThread {
  const worker = new Worker(new URL("./usageWorker.ts", import.meta.url).href);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  worker.postMessage({ place });
  worker.onmessage = ({ data }: { data: UsageAnswer }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (waiting.size === 0) worker.unref();
    if (data.error === undefined) asked?.resolve(data.rows);
    else asked?.reject(new Error(data.error));
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message));
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
