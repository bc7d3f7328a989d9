import { describe, expect, test } from "bun:test";
import { databaseAt } from "../../test/databaseAt.ts";
import type { UsageEvent } from "../domain/usage.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import { type EventQuery, findEvents } from "./eventReader.ts";
import { lineOf } from "./lines.ts";
import { blockMerger } from "./merging.ts";
import { waitingEvents } from "./waitingEvents.ts";

const t0 = Date.UTC(2026, 0, 15, 12);
const everything: EventQuery = {
  workspaceId: "ws_1",
  limit: 100,
  afterId: undefined,
  startMs: undefined,
  endMs: undefined,
  kind: undefined,
  keyId: undefined,
  keyHash: undefined,
  identityId: undefined,
  apiId: undefined,
  namespaceId: undefined,
  identifier: undefined,
  outcome: undefined,
  tag: undefined,
  requestId: undefined,
  apis: "all",
  namespaces: "all",
};

/** Opens a database that counts how many blocks of events were read from it. */
async function open(): Promise<{ usage: UsageDatabase; readBlocks(): number }> {
  const usage = await openUsageDatabase(databaseAt(":memory:"));
  let blocks = 0;
  const rows: UsageDatabase["rows"] = async (statement, ...values) => {
    const found = await usage.rows(statement, ...values);
    if (statement.includes(`"body"`)) blocks += found.length;
    return found as never;
  };
  return { usage: { ...usage, rows }, readBlocks: () => blocks };
}

/** Adds events, and stores them in blocks and merges these as the usage thread does. */
function writer() {
  let ids = 0;
  const newId = () => {
    ids += 1;
    return `log_${ids}`;
  };
  const waiting = waitingEvents(newId);
  const merger = blockMerger(newId);
  let sequence = 0;
  return {
    add(keyId: string, atMs: number, more: Partial<UsageEvent> = {}): void {
      const requestId = `req_${String(sequence).padStart(22, "0")}`;
      const event = {
        atMs,
        workspaceId: "ws_1",
        requestId,
        keyId,
        apiId: "api_1",
        outcome: "VALID",
        credits: 0,
        tags: [],
        ...more,
      };
      waiting.add("ws_1", false, atMs, lineOf(event, sequence));
      sequence += 1;
    },
    async store(usage: UsageDatabase): Promise<void> {
      for (const { lines, head } of await waiting.store(usage)) merger.remember(lines, head);
      await merger.merge(usage);
    },
    waiting,
  };
}

const blocksIn = async ({ rows }: UsageDatabase) =>
  (await rows<{ n: number }>(`select count(*) as "n" from "usageBlocks"`))[0]?.n ?? 0;

describe("stored events", () => {
  test("that arrive one at a time are merged into few blocks, and each event is stored once", async () => {
    const { usage } = await open();
    const { add, store } = writer();
    for (let flush = 0; flush < 2_000; flush += 1) {
      add("key_1", t0 + flush);
      await store(usage);
    }
    expect(await blocksIn(usage)).toBeLessThan(40);
    const seen: number[] = [];
    for (let afterId: string | undefined; ; ) {
      const page = await findEvents(usage, { ...everything, afterId });
      seen.push(...page.events.map(({ atMs }) => atMs - t0));
      if (page.nextId === undefined) break;
      afterId = page.nextId;
    }
    expect(seen).toEqual(Array.from({ length: 2_000 }, (_, index) => 1_999 - index));
  });

  test("are found newest first, and a page reads only as many blocks as it needs", async () => {
    const { usage, readBlocks } = await open();
    const { add, store } = writer();
    for (let event = 0; event < 50_000; event += 1) add("key_1", t0 + event);
    await store(usage);
    expect(await blocksIn(usage)).toBeGreaterThan(50);
    expect((await findEvents(usage, everything)).events).toHaveLength(100);
    expect(readBlocks()).toBeLessThanOrEqual(3);
  });

  test("that match a rare filter may need several pages, each of which reads a bounded number of blocks", async () => {
    const { usage, readBlocks } = await open();
    const { add, store } = writer();
    add("key_rare", t0);
    for (let event = 1; event < 100_000; event += 1) add("key_1", t0 + event);
    await store(usage);
    const all = await blocksIn(usage);
    expect(all).toBeGreaterThan(100);
    const found: string[] = [];
    let pages = 0;
    for (let afterId: string | undefined; ; pages += 1) {
      const before = readBlocks();
      const page = await findEvents(usage, { ...everything, keyId: "key_rare", afterId });
      expect(readBlocks() - before).toBeLessThan(80);
      found.push(...page.events.map(({ keyId = "" }) => keyId));
      if (page.nextId === undefined) break;
      expect(page.nextId).not.toBe(afterId as string);
      afterId = page.nextId;
    }
    expect(pages).toBeGreaterThan(0);
    expect(found).toEqual(["key_rare"]);
    expect(readBlocks()).toBeLessThan(1.2 * all);
  });

  test("of a deleted key are found once, even if they have both its hash and, as a tag, its id", async () => {
    const { usage } = await open();
    const { add, store } = writer();
    add("key_1", t0);
    const unknown = { keyId: undefined, apiId: undefined, outcome: "NOT_FOUND" };
    add("", t0 + 1, { ...unknown, keyHash: "hash_1", tags: ["key_1"] });
    add("", t0 + 2, { ...unknown, keyHash: "hash_2", tags: ["key_1"] });
    await store(usage);
    const { events } = await findEvents(usage, { ...everything, keyId: "key_1", keyHash: "hash_1" });
    expect(events.map(({ atMs }) => atMs - t0)).toEqual([1, 0]);
  });

  test("are complete from a later time on if old events were dropped while the database failed", async () => {
    const { usage } = await open();
    const { add, store, waiting } = writer();
    const failing: UsageDatabase = {
      ...usage,
      transaction: () => Promise.reject(new Error("the disk is full")),
    };
    const key = "k".repeat(10_000);
    for (let event = 0; event < 4_000; event += 1) {
      add(key, t0 + event);
      if (event % 500 === 0) await store(failing).catch(() => undefined);
    }
    const dropped = waiting.dropped();
    expect(dropped).toBeGreaterThan(2_000);
    await store(usage);
    const page = await findEvents(usage, { ...everything, limit: 1 });
    expect(page.completeSinceMs).toBe(t0 + dropped);
    expect(page.events[0]?.atMs).toBe(t0 + 3_999);
  });
});
