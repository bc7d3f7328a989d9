/** The thread that stores and reads usage, on a connection of its own. */
import { idMaker } from "../domain/ids.ts";
import { randomBytes } from "../runtime.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import type { Answered, Asked } from "../storage/workerThread.ts";
import { addUsage, pruneUsage, queryLastUses, queryUsage } from "./usageStore.ts";
import { batchOf, type SentOrder, type UsagePlace } from "./usageThread.ts";

type Message = { place: UsagePlace } | Asked<SentOrder>;

type Port = {
  postMessage(message: Answered): void;
  onmessage: ((event: { data: Message }) => void) | null;
};

const port = globalThis as unknown as Port;
const pruneEveryMs = 60_000;
const newId = idMaker(randomBytes);
let place: UsagePlace = { url: ":memory:", eventsKeptMs: 0 };
let database: Promise<UsageDatabase> | undefined;
let prunedAtMs = 0;
let last: Promise<void> = Promise.resolve();

port.onmessage = ({ data }) => {
  if ("place" in data) {
    place = data.place;
    return;
  }
  const { id, order } = data;
  last = last.then(async () => {
    try {
      port.postMessage({ id, rows: await follow(order) });
    } catch (error) {
      leave(); // another is opened with the next order
      port.postMessage({
        id,
        rows: [],
        error: { message: error instanceof Error ? error.message : String(error) },
      });
    }
  });
};

/** Does not wait: a server that hangs takes no leave. */
function leave(): void {
  const left = database;
  database = undefined;
  left?.then(({ close }) => close()).catch(() => undefined);
}

async function follow(order: SentOrder): Promise<unknown[]> {
  database ??= openUsageDatabase(place.url);
  const { db, transaction } = await database;
  switch (order.kind) {
    case "add": {
      const batch = batchOf(order);
      await transaction((tx) => addUsage(tx, batch, () => newId("log", order.nowMs)));
      if (order.nowMs - prunedAtMs >= pruneEveryMs) {
        prunedAtMs = order.nowMs;
        while (await transaction((tx) => pruneUsage(tx, order.nowMs, place.eventsKeptMs)));
      }
      return [];
    }
    case "query":
      return queryUsage(db, order.query);
    case "lastUses":
      return queryLastUses(db, order.workspaceId, order.keyIds);
  }
}
