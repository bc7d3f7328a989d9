import { expect, test } from "bun:test";
import type { UsageEvent } from "../domain/usage.ts";
import { collectUsage } from "./usage.ts";
import type { UsageOrder, UsageThread } from "./usageThread.ts";

const event: UsageEvent = {
  atMs: Date.UTC(2026, 0, 15, 12),
  workspaceId: "ws_1",
  requestId: "req_1",
  keyId: "key_1",
  identityId: "id_1",
  apiId: "api_1",
  namespaceId: undefined,
  outcome: "VALID",
  credits: 1,
  tags: [],
};

/** A thread that answers as it is told, and remembers what it was asked. */
function thread(answer: (order: UsageOrder) => Promise<unknown[]>): UsageThread & { orders: UsageOrder[] } {
  const orders: UsageOrder[] = [];
  return {
    orders,
    ask(order) {
      orders.push(order);
      return answer(order);
    },
    close: async () => undefined,
  };
}

function collect(to: UsageThread, keepEvents: boolean) {
  return collectUsage({ thread: to, nowMs: () => event.atMs, keepEvents, flushMs: 3_600_000 });
}

test("equal verifications of one minute are handed on as one count", async () => {
  const to = thread(async () => []);
  const usage = collect(to, false);
  for (let call = 0; call < 1_000; call += 1) usage.record({ ...event, requestId: `req_${call}` });
  usage.record({ ...event, atMs: event.atMs + 60_000 });
  await usage.close();
  const [order] = to.orders;
  if (order?.kind !== "add") throw new Error("nothing was handed on");
  expect(order.counts.map(({ count, credits }) => [count, credits])).toEqual([
    [1_000, 1_000],
    [1, 1],
  ]);
});

test("a store that fails costs what it was to keep, counted, and neither a record nor the next batch", async () => {
  let failing = true;
  const to = thread(async () => {
    if (failing) throw new Error("the disk is full");
    return [];
  });
  const usage = collect(to, true);
  usage.record(event);
  usage.record({ ...event, keyId: "key_2" });
  await usage
    .query({
      workspaceId: "ws_1",
      subjectId: "key_1",
      period: "hour",
      startMs: 0,
      endMs: 1,
      tag: undefined,
    })
    .catch(() => undefined);
  expect(usage.dropped()).toEqual({ events: 2, counts: 2 });
  failing = false;
  usage.record(event);
  await usage.close();
  expect(usage.dropped()).toEqual({ events: 2, counts: 2 });
  expect(to.orders.filter(({ kind }) => kind === "add")).toHaveLength(2);
});

test("of more single events than a batch takes the oldest are dropped and counted; the counts are whole", async () => {
  const to = thread(async () => []);
  const usage = collect(to, true);
  for (let call = 0; call < 50_000; call += 1) usage.record({ ...event, requestId: `req_${call}` });
  await usage.close();
  const [order] = to.orders;
  if (order?.kind !== "add") throw new Error("nothing was handed on");
  expect(order.counts[0]?.count).toBe(50_000);
  const kept = order.events.reduce((sum, { count }) => sum + count, 0);
  expect(kept + usage.dropped().events).toBe(50_000);
  expect(kept).toBeGreaterThan(20_000);
  expect(order.events.flatMap(({ text }) => JSON.parse(text) as UsageEvent[]).at(-1)?.requestId).toBe(
    "req_49999",
  );
});
