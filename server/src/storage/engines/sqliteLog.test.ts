import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { add, idsOf, logBytes, newPath, testSqlite } from "../../../test/sqlite.ts";
import { until } from "../../../test/until.ts";
import { groupCharacters } from "./sqliteGroups.ts";

setDefaultTimeout(30_000);

const { open, close } = testSqlite();

describe("the write-ahead log", () => {
  test.each([500, 8_000, 400_000])(
    "never exceeds its limit by more than one group of transactions, while rows of %i bytes are written without a pause",
    async (rowBytes) => {
      const path = newPath();
      const limits = { foldBytes: 200_000, maxBytesBefore: 500_000 };
      const engine = await open(path, { serving: true }, limits);
      const rowsEach = Math.ceil(500_000 / rowBytes);
      let largest = 0;
      const write = async (caller: number) => {
        for (let round = 0; round < rowsEach; round += 1) {
          await add(engine, `ws_${caller}_${round}`, "x".repeat(rowBytes));
          largest = Math.max(largest, logBytes(path));
        }
      };
      await Promise.all(Array.from({ length: 16 }, (_, caller) => write(caller)));
      // the bytes of a group's rows, 10 % for the headers of their pages in the log, and 50 KB of other pages per
      // caller
      const group = Math.min(16 * rowBytes, groupCharacters + rowBytes) * 1.1 + 16 * 50_000;
      expect(largest).toBeLessThan(limits.maxBytesBefore + group);
      expect(await idsOf(engine)).toHaveLength(16 * rowsEach);
    },
  );

  test("is emptied when the database is idle", async () => {
    const path = newPath();
    const engine = await open(path);
    for (let i = 0; i < 10; i += 1) await add(engine, `ws_${i}`);
    expect(logBytes(path)).toBeGreaterThan(0);
    await until(() => logBytes(path) === 0, 5_000);
    expect(await idsOf(engine)).toHaveLength(10);
  });

  test("is emptied while a slow read computes", async () => {
    const path = newPath();
    const engine = await open(path);
    let computing = true;
    const read = sql`with recursive n (i) as (select 1 union all select i + 1 from n where i < 30000000)
      select count(*) from n`
      .execute(engine.slow)
      .finally(() => {
        computing = false;
      });
    await add(engine, "ws_1");
    await until(() => logBytes(path) === 0);
    expect(computing).toBe(true);
    await read;
  });

  test("is emptied when a read has ended that kept it from being emptied", async () => {
    const path = newPath();
    const engine = await open(path);
    await add(engine, "ws_first");
    const other = new Database(path, { readwrite: true, create: false });
    other.run("begin");
    other.query(`select * from "workspaces"`).all();
    await add(engine, "ws_second");
    // time for several attempts to empty the log, all of which must fail
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(logBytes(path)).toBeGreaterThan(0);
    other.run("rollback");
    other.close();
    await until(() => logBytes(path) === 0, 5_000);
  });

  test("grows while another process reads, blocks no writer, and is emptied when that process has finished", async () => {
    const path = newPath();
    const engine = await open(path, { serving: true }, { foldBytes: 10_000, maxBytesBefore: 20_000 });
    const other = new Database(path, { readonly: true });
    other.run("begin");
    other.query(`select * from "workspaces"`).all();
    for (let i = 0; i < 100; i += 1) await add(engine, `ws_${i}`, "x".repeat(2_000));
    expect(logBytes(path)).toBeGreaterThan(200_000);
    other.run("rollback");
    other.close();
    await until(() => logBytes(path) === 0, 5_000);
    expect(await idsOf(engine)).toHaveLength(100);
  });

  test("is empty after the database was closed", async () => {
    const path = newPath();
    const engine = await open(path);
    await add(engine, "ws_last");
    await close(engine);
    expect(logBytes(path)).toBe(0);
  });

  test("keeps nothing of deleted rows, and neither does any other file", async () => {
    const path = newPath();
    const engine = await open(path);
    const canary = "canary-".repeat(400);
    await add(engine, "ws_canary", canary);
    await add(engine, "ws_other");
    await engine.transaction((tx) => tx.deleteFrom("workspaces").where("id", "=", "ws_canary").execute());
    await until(() => {
      const folder = join(path, "..");
      const holding = readdirSync(folder).filter((name) =>
        readFileSync(join(folder, name)).includes("canary-"),
      );
      return holding.length === 0;
    }, 5_000);
    expect(await idsOf(engine)).toEqual(["ws_other"]);
  });
});
