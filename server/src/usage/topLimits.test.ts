import { afterEach, describe, expect, test } from "bun:test";
import { databaseAt } from "../../test/databaseAt.ts";
import { outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import { addMinutes, type CountRow, nameKey, numberNames } from "./countStore.ts";
import type { UsageOrder } from "./orders.ts";
import type { UsageThread } from "./thread.ts";
import { findTop } from "./topReader.ts";
import { topSums } from "./topSums.ts";
import type { TopQuery } from "./tops.ts";
import { collectUsage } from "./usage.ts";

const { hour } = periodMs;
/** the end of the queries: a full hour */
const endMs = Date.UTC(2026, 0, 15, 12);
const lastHour = endMs / hour - 1;
const counted = outcomes.indexOf("VALID");

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/**
 * Opens a usage database with 100 verifications of `key_1` in each of 24 hours. Other keys are only numbers, without a
 * name. Reading an hour moves `clock` on by 10 ms. `seen` counts what was read.
 */
async function open() {
  const usage = await openUsageDatabase(databaseAt(":memory:"));
  closing.push(usage.close);
  const workspaceId = "ws_1";
  const workspace = { kind: subjectKinds.workspace, workspaceId, name: workspaceId };
  const key = { kind: subjectKinds.key, workspaceId, name: "key_1" };
  const numbers = await numberNames(usage, [workspace, key], 20_000);
  const [workspaceNo = 0, keyNo = 0] = [workspace, key].map((name) => numbers.get(nameKey(name)));
  const clock = { nowMs: 0 };
  const seen = { hours: 0, all: 0, mostRows: 0 };
  const rows: UsageDatabase["rows"] = async (statement, ...values) => {
    const found = await usage.rows(statement, ...values);
    seen.mostRows = Math.max(seen.mostRows, found.length);
    if (/sum\("count"\)/.test(statement)) seen.all += 1;
    else if (/"count" from "usageHours"/.test(statement)) {
      seen.hours += 1;
      clock.nowMs += 10;
    }
    return found as never;
  };
  const rowOf = (subjectNo: number, minute: number, count = 1): CountRow => {
    return [workspaceNo, subjectKinds.key, minute, subjectNo, 0, counted, count, 0];
  };
  const store = async (stored: readonly CountRow[]) => {
    await usage.transaction((tx) => addMinutes(tx, stored));
    return stored;
  };
  await store(Array.from({ length: 24 }, (_, ago) => rowOf(keyNo, (lastHour - ago) * 60, 100)));
  return { sql: { ...usage, rows }, clock, seen, rowOf, store };
}

/** A query over this many hours that ends `ago` hours before `endMs`. */
const queryOf = (hours: number, ago = 0): TopQuery => ({
  workspaceId: "ws_1",
  of: "key",
  period: "hour",
  startMs: endMs - (ago + hours) * hour,
  endMs: endMs - ago * hour,
  outcome: undefined,
  limit: 1,
});
const memory = { bytes: 2 ** 20, ms: 50 };

describe("a query for the most active keys", () => {
  test("ends even if the thread forgets all sums between two orders, because its disk is full", async () => {
    const { sql, clock } = await open();
    const sums = topSums(() => clock.nowMs, memory);
    const asked: UsageOrder["kind"][] = [];
    const thread: UsageThread = {
      async ask(order) {
        asked.push(order.kind);
        if (asked.length > 100) throw new Error("The query does not end.");
        const one = order as UsageOrder;
        if (one.kind === "top") return (await findTop(sql, one.query, { sums, isRest: one.isRest })) as never;
        sums.clear();
        return { events: 0, counts: 0, evicted: 0, isWaiting: true } as never;
      },
      close: async () => undefined,
    };
    const usage = collectUsage({ thread, nowMs: () => endMs, steadyTimeMs: () => undefined, flushMs: hour });
    const event = {
      atMs: endMs,
      workspaceId: "ws_1",
      requestId: "req_1",
      keyId: "key_1",
      credits: 0,
      tags: [],
    };
    usage.record({ ...event, outcome: "VALID" });
    expect(await usage.top(queryOf(24))).toEqual([{ name: "key_1", count: 2_400 }]);
    expect(asked).toEqual(["add", "top", "add", "top"]);
    await usage.close();
  });

  test("lets other orders run after a while, even if it reads hours without counts of its outcome", async () => {
    const { sql, clock, seen } = await open();
    const sums = topSums(() => clock.nowMs, memory);
    const query = { ...queryOf(24), outcome: "RATE_LIMITED" as const };
    for (let order = 0; order < 4; order += 1) {
      expect(await findTop(sql, query, { sums, isRest: order > 0 })).toBe("unfinished");
      expect(seen.hours).toBe((order + 1) * 5);
    }
    expect(await findTop(sql, query, { sums, isRest: true })).toEqual([]);
  });

  test("never reads the counts of more than one minute at once, even if an hour has many counts", async () => {
    const { sql, clock, seen, rowOf, store } = await open();
    const numbers = Array.from({ length: 40 }, (_, index) => 1_000 + index);
    for (let minute = 0; minute < 60; minute += 1) {
      await store(numbers.map((no) => rowOf(no, lastHour * 60 + minute)));
    }
    const sums = topSums(() => clock.nowMs, memory);
    const found = await findTop(sql, queryOf(3), { sums, isRest: false });
    expect(found).toEqual([{ name: "key_1", count: 300 }]);
    expect(seen.mostRows).toBe(41);
  });

  test("finds its sums in memory while counts are added to them, but only as long as they fit", async () => {
    const { sql, clock, seen, rowOf, store } = await open();
    const sums = topSums(() => clock.nowMs, { bytes: 128 * 12, ms: 1_000 });
    const readFor = async (hours: number) => {
      Object.assign(seen, { hours: 0, all: 0 });
      const found = await findTop(sql, queryOf(hours), { sums, isRest: false });
      expect(found).toEqual([{ name: "key_1", count: hours * 100 }]);
      return { hours: seen.hours, all: seen.all };
    };
    const addKeys = async (first: number, count: number) => {
      const numbers = Array.from({ length: count }, (_, index) => first + index);
      sums.add(await store(numbers.map((no) => rowOf(no, lastHour * 60))));
    };
    expect(await readFor(3)).toEqual({ hours: 3, all: 0 });
    expect(await readFor(6)).toEqual({ hours: 6, all: 0 });
    expect(await readFor(3)).toEqual({ hours: 0, all: 0 });
    await addKeys(1_000, 60); // both windows need 128 slots, so only one still fits
    expect(await readFor(3)).toEqual({ hours: 0, all: 0 });
    expect(await readFor(6)).toEqual({ hours: 6, all: 0 });
    await addKeys(2_000, 60); // now not even one window fits
    expect(await readFor(6)).toEqual({ hours: 0, all: 1 });
  });

  test("keeps the sums of other queries over equally many hours that ended earlier or later", async () => {
    const { sql, clock, seen } = await open();
    const sums = topSums(() => clock.nowMs, { bytes: 2 ** 20, ms: 1_000 });
    const hoursReadFor = async (ago: number) => {
      seen.hours = 0;
      const found = await findTop(sql, queryOf(6, ago), { sums, isRest: false });
      expect(found).toEqual([{ name: "key_1", count: 600 }]);
      return seen.hours;
    };
    const read: number[] = [];
    for (const ago of [2, 12, 4, 2, 12, 4, 1, 12]) read.push(await hoursReadFor(ago));
    expect(read).toEqual([6, 6, 6, 0, 0, 0, 2, 0]); // an hour later, one hour leaves the window and one enters it
  });

  test("whose sums do not fit into memory is tried again only after an hour", async () => {
    const { sql, clock, seen } = await open();
    const sums = topSums(() => clock.nowMs, { bytes: 1, ms: 50 });
    const find = () => findTop(sql, queryOf(24), { sums, isRest: false });
    const triedAfter = async (ms: number) => {
      clock.nowMs += ms;
      sums.forgetUnused();
      const before = seen.hours;
      expect(await find()).toEqual([{ name: "key_1", count: 2_400 }]);
      return seen.hours > before;
    };
    expect(await triedAfter(0)).toBe(true);
    expect(await triedAfter(hour - 1)).toBe(false);
    expect(await triedAfter(1)).toBe(true);
    expect(await triedAfter(0)).toBe(false);
  });

  test.each(["before", "after"])(
    "is right even if a count of a key whose number needs more than 32 bits was stored %s the sums were read",
    async (when) => {
      const { sql, clock, rowOf, store } = await open();
      const sums = topSums(() => clock.nowMs, memory);
      const large = 2 ** 32 + 7;
      await sql.rows(
        `insert into "usageNames" ("id", "kind", "workspaceId", "name", "day") values ($1, $2, 'ws_1', 'key_2', 20000)`,
        large,
        subjectKinds.key,
      );
      const find = () => findTop(sql, queryOf(3), { sums, isRest: false });
      if (when === "after") expect(await find()).toEqual([{ name: "key_1", count: 300 }]);
      for (let minute = 0; minute < 4; minute += 1) {
        sums.add(await store([rowOf(large, lastHour * 60 + minute, 100)]));
      }
      expect(await find()).toEqual([{ name: "key_2", count: 400 }]);
      expect(await find()).toEqual([{ name: "key_2", count: 400 }]);
    },
  );
});
