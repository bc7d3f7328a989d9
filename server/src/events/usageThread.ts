import type { CountedUse, UsageEvent } from "../domain/usage.ts";
import { startWorker, type WorkerThread } from "../storage/workerThread.ts";
import type { UsageQuery } from "./usage.ts";
import type { EventText } from "./waitingEvents.ts";

/** What is stored at once. */
export type UsageBatch = { counts: CountedUse[]; events: UsageEvent[] };

type Question =
  | { kind: "query"; query: UsageQuery }
  | { kind: "lastUses"; workspaceId: string; keyIds: readonly string[] };

export type UsageOrder = { kind: "add"; nowMs: number; counts: CountedUse[]; events: EventText[] } | Question;

/** An order on its way: two texts hold the sender up for a fifth of the time that a batch's objects would. */
export type SentOrder = { kind: "add"; nowMs: number; counts: string; events: string } | Question;

/** Where usage is kept: a database of the same kind as the records'. */
export type UsagePlace = { url: string; eventsKeptMs: number };

/** The thread that stores and reads usage. */
export type UsageThread = WorkerThread<UsageOrder>;

/** Starts the thread; it opens its store with the first order. */
export function startUsageThread(place: UsagePlace): UsageThread {
  const script = new URL("./usageWorker.ts", import.meta.url);
  const { ask, close } = startWorker<SentOrder>(script, { place }, ({ message }) => new Error(message));
  return { ask: (order) => ask(order.kind === "add" ? asTexts(order) : order), close };
}

function asTexts({ kind, nowMs, counts, events }: UsageOrder & { kind: "add" }): SentOrder {
  return { kind, nowMs, counts: JSON.stringify(counts), events: events.map(({ text }) => text).join("\n") };
}

/** The batch that the texts were made of. */
export function batchOf({ counts, events }: SentOrder & { kind: "add" }): UsageBatch {
  return {
    counts: JSON.parse(counts) as CountedUse[],
    events: events === "" ? [] : events.split("\n").flatMap((text) => JSON.parse(text) as UsageEvent[]),
  };
}
