import { afterEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import { openStorage } from "../storage/open.ts";
import { findCompleteSince, insertBlocks, type Lines, type Share, shares } from "./blocks.ts";
import { queryUsage } from "./countReader.ts";
import { addMinutes, numberNames } from "./countStore.ts";
import { keepWithin, moveOld } from "./upkeep.ts";

const mebibyte = 1024 * 1024;
let ids = 0;
const newId = () => {
  ids += 1;
  return `log_${ids}`;
};

/** Creates blocks of incompressible text, one for each millisecond from `startMs` on. */
function blocks(workspaceId: string, share: Share, startMs: number, count: number, bytes = 32_768): Lines[] {
  return Array.from({ length: count }, (_, index) => {
    const atMs = startMs + index;
    const text = `${randomBytes((bytes * 3) / 4).toString("base64")}\n`;
    return { workspaceId, share, startMs: atMs, endMs: atMs, count: 1, text };
  });
}

describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))("on $name,", (engine) => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  async function open(): Promise<{ usage: UsageDatabase; path: string }> {
    const url = await engine.url(newFolder());
    const records = await openStorage(databaseAt(url), {
      serving: false,
      connections: 4,
      monotonicMs: () => 0,
    });
    const usage = await openUsageDatabase(databaseAt(url));
    closing.push(async () => engine.drop?.(url), records.close, usage.close);
    return { usage, path: `${url.replace("file:", "")}-usage` };
  }
  const blocksIn = async ({ rows }: UsageDatabase) => {
    const found = await rows<{ workspaceId: string; share: number; n: number }>(
      `select "workspaceId", "share", count(*) as "n" from "usageBlocks" group by 1, 2 order by 1, 2`,
    );
    return found.map(({ workspaceId, share, n }) => `${workspaceId} ${share} ${n}`);
  };

  test("a flood of unknown keys in one workspace evicts no other events", async () => {
    const { usage } = await open();
    await insertBlocks(usage, blocks("ws_quiet", shares.known, 0, 20), newId);
    await insertBlocks(usage, blocks("ws_flood", shares.known, 1_000, 20), newId);
    await insertBlocks(usage, blocks("ws_flood", shares.unknown, 2_000, 500), newId);
    for (let round = 0; round < 5; round += 1) await keepWithin(usage, 8 * mebibyte);
    expect(await usage.usedBytes()).toBeLessThanOrEqual(8 * mebibyte);
    const [flood, unknown, quiet] = await blocksIn(usage);
    expect([flood, quiet]).toEqual(["ws_flood 0 20", "ws_quiet 0 20"]);
    const kept = Number(unknown?.split(" ")[2]);
    expect(kept).toBeGreaterThan(50);
    expect(await findCompleteSince(usage, "ws_quiet")).toBeUndefined();
    expect(await findCompleteSince(usage, "ws_flood")).toBe(2_500 - kept);
  });

  test("counts are kept if evicting events frees enough space", async () => {
    const { usage } = await open();
    await insertBlocks(usage, blocks("ws_1", shares.known, 0, 400), newId);
    await addMinutes(usage, [[1, 4, 1, 2, 0, 0, 1, 0]]);
    await keepWithin(usage, 8 * mebibyte);
    expect(await usage.rows(`select "count" from "usageMinutes"`)).toEqual([{ count: 1 }]);
    expect(await usage.usedBytes()).toBeLessThanOrEqual(8 * mebibyte);
  });

  test("a count stops at the largest possible number, and other counts of the batch are still stored", async () => {
    const { usage } = await open();
    const full = Number.MAX_SAFE_INTEGER;
    await addMinutes(usage, [[1, 4, 1, 2, 0, 0, full, full]]);
    await addMinutes(usage, [
      [1, 4, 1, 2, 0, 0, 5, full],
      [1, 4, 1, 3, 0, 0, 1, 1],
    ]);
    expect(await usage.rows(`select "count", "credits" from "usageMinutes" order by "subjectNo"`)).toEqual([
      { count: full, credits: full },
      { count: 1, credits: 1 },
    ]);
  });

  test("an old count moves from minutes to hours to days, and queries always include it exactly once", async () => {
    const { usage } = await open();
    const kind = { workspace: 0, key: 4 } as const;
    const names = [
      { kind: kind.workspace, workspaceId: "ws_1", name: "ws_1" },
      { kind: kind.key, workspaceId: "ws_1", name: "key_1" },
    ];
    const numbers = [...(await numberNames(usage, names, 20_000)).values()];
    const [workspaceNo = 0, keyNo = 0] = numbers;
    const dayMs = 86_400_000;
    const t0 = 20_000 * dayMs;
    for (const minute of [0, 1, 61, 1_441]) {
      await addMinutes(usage, [[workspaceNo, kind.key, t0 / 60_000 + minute, keyNo, 0, 0, 1, 2]]);
    }
    const places = async () => {
      const tables = ["usageMinutes", "usageHours", "usageDays"];
      const rows = tables.map((table) => usage.rows<{ n: number }>(`select count(*) as "n" from "${table}"`));
      return (await Promise.all(rows)).map(([row]) => row?.n);
    };
    const points = async (period: "hour" | "day") => {
      const span = { startMs: t0, endMs: t0 + 3 * dayMs, tag: undefined, by: undefined };
      const subject = { kind: "key", id: "key_1" } as const;
      const rows = await queryUsage(usage, { workspaceId: "ws_1", subject, period, ...span });
      return rows.map(({ startMs, count, credits }) => [(startMs - t0) / 3_600_000, count, credits]);
    };
    const hours = [
      [0, 2, 4],
      [1, 1, 2],
      [24, 1, 2],
    ];
    const days = [
      [0, 3, 6],
      [24, 1, 2],
    ];
    const expected = [
      [0, [4, 0, 0]],
      [5 * 3_600_000, [1, 2, 0]],
      [2 * dayMs, [0, 3, 0]],
    ] as const;
    for (const [ageMs, stored] of expected) {
      await moveOld(usage, t0 + ageMs);
      expect([await places(), await points("hour"), await points("day")]).toEqual([[...stored], hours, days]);
    }
    await moveOld(usage, t0 + 95 * dayMs);
    expect([await places(), await points("day")]).toEqual([[0, 0, 2], days]);
  });
});

test("the usage file gets smaller after its rows are deleted", async () => {
  const path = join(newFolder(), "latchkey.db");
  const usage = await openUsageDatabase(databaseAt(`file:${path}`));
  const size = async () => {
    await usage.rows("pragma wal_checkpoint(truncate)");
    return statSync(`${path}-usage`).size;
  };
  await insertBlocks(usage, blocks("ws_1", shares.known, 0, 2_000), newId);
  expect(await size()).toBeGreaterThan(40 * mebibyte);
  for (let round = 0; round < 12; round += 1) await keepWithin(usage, 16 * mebibyte);
  expect(await size()).toBeLessThan(20 * mebibyte);
  await usage.close();
});
