import type { CountedUse } from "../domain/usage.ts";
import { startWorker, type WorkerThread } from "../storage/workerThread.ts";
import type { UsageQuery } from "./usage.ts";

/** What is stored at once; `events` are texts of JSON. */
export type UsageBatch = { counts: CountedUse[]; events: string[] };

export type UsageOrder =
  | ({ kind: "add"; nowMs: number } & UsageBatch)
  | { kind: "query"; query: UsageQuery }
  | { kind: "lastUses"; workspaceId: string; keyIds: readonly string[] };

/** Where usage is kept: a database of the same kind as the records'. */
export type UsagePlace = { url: string; eventsKeptMs: number };

/** The thread that stores and reads usage. */
export type UsageThread = WorkerThread<UsageOrder>;

/** Starts the thread; it opens its store with the first order. */
export function startUsageThread(place: UsagePlace): UsageThread {
  const script = new URL("./usageWorker.ts", import.meta.url);
  return startWorker<UsageOrder>(script, { place }, ({ message }) => new Error(message));
}
