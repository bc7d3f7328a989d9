import { expect, test } from "bun:test";
import type { UsageEvent } from "../domain/usage.ts";
import { type CountedEvent, countedReader, eventOf, lineOf } from "./lines.ts";
import type { UsageOrder } from "./orders.ts";
import { passedReader } from "./repeats.ts";
import { takeCells, tally } from "./tally.ts";
import type { UsageThread } from "./thread.ts";
import { collectUsage } from "./usage.ts";

const event: UsageEvent = {
  atMs: Date.UTC(2026, 0, 15, 12),
  workspaceId: "ws_1",
  requestId: "req_1",
  keyId: "key_1",
  identityId: "id_1",
  apiId: "api_1",
  outcome: "VALID",
  credits: 1,
  tags: [],
};

/** A usage thread that only remembers its `add` orders, and fails while `failing` returns true. */
function thread(failing = () => false): UsageThread & { added: (UsageOrder & { kind: "add" })[] } {
  const added: (UsageOrder & { kind: "add" })[] = [];
  return {
    added,
    async ask(order) {
      if (order.kind === "add") added.push(order as UsageOrder & { kind: "add" });
      if (failing()) throw new Error("the disk is full");
      return { events: 0, counts: 0, tags: 0, evicted: 0, isWaiting: false } as never;
    },
    close: async () => undefined,
  };
}

/** The events that the thread reads from its orders. */
function passedTo({ added }: ReturnType<typeof thread>) {
  return added.flatMap(({ text }) => {
    const { read, isAtEnd } = passedReader(text);
    const passed: ReturnType<typeof read>[] = [];
    while (!isAtEnd()) passed.push(read());
    return passed;
  });
}

/** The events that the thread would store. Also checks that it counts the same events. */
function eventsOf(to: ReturnType<typeof thread>): (UsageEvent & { sequence: number })[] {
  return passedTo(to).map(({ event, line }) => {
    const stored = eventOf(line.slice(0, -1));
    expect(stored).toMatchObject(event);
    return JSON.parse(JSON.stringify(stored));
  });
}

const collect = (to: UsageThread) =>
  collectUsage({ thread: to, nowMs: () => event.atMs, steadyTimeMs: () => undefined, flushMs: 3_600_000 });

const cellsOf = (counted: ReturnType<typeof tally>) =>
  counted
    .take(() => true)
    .flatMap((subject) => takeCells(subject).map((cell) => ({ name: subject.name, ...cell })));

test("equal verifications within a minute are added up in one count for each subject", () => {
  const counted = tally();
  for (let call = 0; call < 1_000; call += 1) counted.add(event);
  counted.add({ ...event, atMs: event.atMs + 60_000 });
  const cells = cellsOf(counted);
  for (const name of ["ws_1", "key_1", "id_1", "api_1"]) {
    const own = cells.filter((cell) => cell.name === name);
    expect(own.map(({ count, credits }) => [count, credits])).toEqual([
      [1_000, 1_000],
      [1, 1],
    ]);
  }
});

test("the counts that wait to be stored are bounded, and counts beyond the bound are reported as dropped", () => {
  const counted = tally();
  for (let call = 0; call < 200_000; call += 1) counted.add({ ...event, keyId: `key_${call}` });
  expect(counted.size()).toBe(200_000 + 3); // of the keys, and of workspace, identity and api
  for (let call = 0; call < 200_000; call += 1) counted.add({ ...event, keyId: `key2_${call}` });
  expect(counted.size()).toBe(300_000);
  expect(counted.dropped()).toBe(100_003);
});

test("tags beyond the maximum of a workspace are counted as `other`", () => {
  const counted = tally();
  for (let key = 0; key < 2_000; key += 1) {
    const tags = Array.from({ length: 20 }, (_, index) => `${key} ${index}`.padEnd(512, "x"));
    counted.add({ ...event, keyId: `key_${key}`, identityId: `id_${key}`, tags });
  }
  const names = new Set(cellsOf(counted).map(({ tag }) => tag));
  expect(names.size).toBe(1_002); // a thousand tags, `other`, and events without a tag
  expect(names.has("other")).toBe(true);
});

test("an event reaches the thread unchanged, whatever characters its texts have", async () => {
  const to = thread();
  const usage = collect(to);
  const odd = ["a\tb", "a\nb", '","', "é😀\u2028", "\\t"];
  const events: UsageEvent[] = odd.map((text) => ({
    ...event,
    identifier: text,
    why: { check: "ratelimit", name: text, limit: 1, durationMs: 2 },
    tags: [text, ...odd],
    request: JSON.stringify({ permissions: text }),
  }));
  for (const one of events) usage.record(one);
  await usage.close();
  expect(eventsOf(to)).toEqual(events.map((one, sequence) => ({ ...one, sequence })));
});

test("an event that is like an earlier event reaches the thread with its own time, request id and line", async () => {
  const differences: Partial<UsageEvent>[] = [
    {},
    { outcome: "USAGE_EXCEEDED" },
    { outcome: "RATE_LIMITED", why: { check: "ratelimit", name: "requests", limit: 1, durationMs: 2 } },
    { credits: 2 },
    { tags: ["path=/"] },
    { workspaceId: "ws_2" },
    { identityId: "id_2" },
    { identityId: undefined },
    { apiId: "api_2" },
    { keyId: "key_2" },
    { keyId: undefined, keyHash: "hash", outcome: "NOT_FOUND" },
    { keyId: undefined, namespaceId: "rlns_1", identifier: "user_1", outcome: "PASSED" },
    { keyId: undefined, namespaceId: "rlns_1", identifier: "user_2", outcome: "PASSED" },
    { keyId: undefined, namespaceId: "rlns_2", identifier: "user_1", outcome: "PASSED" },
    { request: "-" },
  ];
  const to = thread();
  const usage = collect(to);
  const events = [...differences, ...differences, ...differences.toReversed(), {}, {}].map(
    (difference, index): UsageEvent => ({
      ...event,
      request: "",
      ...difference,
      atMs: event.atMs + Math.floor(index / 3),
      requestId: `req_${index}`,
    }),
  );
  for (const one of events) usage.record(one);
  await usage.lastUses("ws_1", ["key_1"]).catch(() => undefined);
  for (const one of events) usage.record(one); // a second order, whose lines cannot refer to lines of the first
  await usage.close();
  const plain = (one: UsageEvent, sequence: number) => JSON.parse(JSON.stringify({ ...one, sequence }));
  const all = [...events, ...events];
  expect(eventsOf(to)).toEqual(all.map(plain));
  expect(passedTo(to).map(({ line }) => line)).toEqual(all.map(lineOf));
  expect(to.added[0]?.text.split("\n@").length).toBeGreaterThan(10);
});

test("with very many keys, lines refer to earlier events of only a thousand keys", async () => {
  const to = thread();
  const usage = collect(to);
  const keys = Array.from({ length: 1_500 }, (_, index) => `key_${index}`);
  const events = [...keys, ...keys].map((keyId): UsageEvent => ({ ...event, keyId, request: "" }));
  for (const one of events) usage.record(one);
  await usage.close();
  expect(eventsOf(to)).toEqual(events.map((one, sequence) => ({ ...one, sequence })));
  expect(to.added[0]?.text.match(/^=/gm)).toHaveLength(1_000);
  expect(to.added[0]?.text.match(/^@/gm)).toHaveLength(1_000);
});

test("the fast reader of a line finds the same values as the full parser, whatever characters the line has", () => {
  const odd = ["a\tb", "a\nb", '","', "é😀\u2028", "\\t"];
  const events: UsageEvent[] = [
    event,
    ...odd.map((text) => ({
      ...event,
      identifier: text,
      tags: [text, ...odd],
      request: JSON.stringify(text),
    })),
    {
      ...event,
      keyId: undefined,
      identityId: undefined,
      apiId: undefined,
      namespaceId: "rlns_1",
      credits: 7,
    },
    { ...event, keyId: undefined, keyHash: "hash", outcome: "NOT_FOUND" },
  ];
  const { read, isAtEnd } = countedReader(events.map(lineOf).join(""));
  const seen: CountedEvent[] = [];
  while (!isAtEnd()) seen.push(read());
  expect(seen).toEqual(
    events.map(({ atMs, workspaceId, outcome, credits, keyId, identityId, apiId, namespaceId, tags }) => {
      return { atMs, workspaceId, outcome, credits, keyId, identityId, apiId, namespaceId, tags: [...tags] };
    }),
  );
});

test("a key that was counted once does not keep the whole text of its order in memory", () => {
  const counted = tally();
  const rss = () => {
    Bun.gc(true);
    return process.memoryUsage.rss() / 2 ** 20;
  };
  const countOne = (call: number) => {
    const id = (kind: string) => `${kind}_${String(call).padStart(22, "0")}`;
    const own = { ...event, keyId: id("key"), identityId: id("id"), apiId: id("api") };
    const text = lineOf({ ...own, identifier: "x".repeat(2 ** 20) }, call);
    counted.add(countedReader(Buffer.from(text).toString()).read());
  };
  for (let call = 0; call < 50; call += 1) countOne(call);
  const before = rss();
  for (let call = 50; call < 350; call += 1) countOne(call);
  expect(rss() - before).toBeLessThan(100);
  expect(counted.size()).toBe(3 * 350 + 1);
});

test("if the thread fails, the order's events are reported as dropped, and later events are sent", async () => {
  let failing = true;
  const to = thread(() => failing);
  const usage = collect(to);
  usage.record(event);
  usage.record({ ...event, keyId: "key_2" });
  await usage.lastUses("ws_1", ["key_1"]).catch(() => undefined);
  expect(usage.dropped()).toEqual({ events: 2, counts: 2, tags: 0, evicted: 0 });
  failing = false;
  usage.record(event);
  await usage.close();
  expect(usage.dropped()).toEqual({ events: 2, counts: 2, tags: 0, evicted: 0 });
  expect(to.added).toHaveLength(2);
  expect(to.added[1]?.lostUntilMs).toBe(event.atMs);
});

test("the text that waits for the thread is bounded, and events beyond the bound are reported as dropped", async () => {
  const to = thread();
  const usage = collect(to);
  const identifier = "x".repeat(10_000);
  const calls = 4_000;
  for (let call = 0; call < calls; call += 1) usage.record({ ...event, identifier });
  await usage.close();
  const [order] = to.added;
  const passed = order?.text.split("\n").length ?? 0;
  expect(order?.text.length).toBeLessThan(17 * 1024 * 1024);
  expect(passed - 1 + usage.dropped().events).toBe(calls);
  expect(passed).toBeGreaterThan(1_000);
});

test("tags of a workspace beyond a megabyte are dropped, but no events and no tags of other workspaces", async () => {
  const to = thread();
  const usage = collect(to);
  const tags = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(512, "x"));
  for (let call = 0; call < 4_000; call += 1) usage.record({ ...event, tags });
  usage.record({ ...event, workspaceId: "ws_2", tags: ["path=/"] });
  await usage.close();
  const events = eventsOf(to);
  expect(events).toHaveLength(4_001);
  expect(events.at(-1)?.tags).toEqual(["path=/"]);
  const kept = events.filter((one) => one.tags.length === 20).length;
  expect(kept).toBe(Math.floor(2 ** 20 / (20 * 512)));
  expect(usage.dropped()).toEqual({ events: 0, counts: 0, tags: (4_000 - kept) * 20, evicted: 0 });
});

test("an event takes less than 200 characters while it waits for the usage thread", async () => {
  const to = thread();
  const usage = collect(to);
  const id = (prefix: string) => `${prefix}_0Ck3vDbnXhq2Tn6Yp1Zs4a`;
  const ids = {
    workspaceId: id("ws"),
    requestId: id("req"),
    keyId: id("key"),
    identityId: id("id"),
    apiId: id("api"),
  };
  for (let call = 0; call < 10_000; call += 1) usage.record({ ...event, ...ids });
  await usage.close();
  expect((to.added[0]?.text.length ?? Number.POSITIVE_INFINITY) / 10_000).toBeLessThan(200);
});
