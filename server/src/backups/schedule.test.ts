import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CompiledQuery } from "kysely";
import { startTest, type TestServer } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { until } from "../../test/until.ts";
import { openBackgroundReader } from "../storage/open.ts";
import { type ScheduleOptions, scheduleBackups } from "./schedule.ts";

setDefaultTimeout(60_000);

const hourMs = 3_600_000;
const database = newFolder();
const path = join(database, "latchkey.db");
let server: TestServer;

beforeAll(async () => {
  server = await startTest({ engine: { name: "file", url: () => `file:${path}` } });
  await server.call("identities.createIdentity", { externalId: "user_1" });
  await server.services.usage.lastUses(server.workspaceId, ["none"]); // a query makes the thread create the usage file
});
afterAll(() => server.stop());

function schedule(folder: string, more: Partial<ScheduleOptions> = {}) {
  const clock = { nowMs: Date.UTC(2026, 0, 31, 12) };
  const told: string[] = [];
  const make = () =>
    scheduleBackups({
      path,
      folder,
      everyMs: hourMs,
      keep: 2,
      open: async () => openBackgroundReader(path),
      nowMs: () => clock.nowMs,
      onMade: () => told.push("made"),
      onFailed: ({ message }) => told.push(message),
      ...more,
    });
  const made = make();
  return { ...made, make, clock, told, files: () => readdirSync(folder).sort() };
}

const at = (hour: number) => `latchkey.db-2026-01-31T${hour}-00-00Z`;

test("a backup is written when it is due, also after a restart, and only the newest backups of this database are kept", async () => {
  const folder = join(newFolder(), "backups");
  const { tick, make, clock, told, files } = schedule(folder);
  await Promise.all([tick(), tick()]);
  await tick();
  expect([told, files()]).toEqual([["made"], [at(12)]]);
  const copy = new Database(join(folder, at(12), "latchkey.db"), { readonly: true });
  expect(copy.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  expect(copy.query(`select "externalId" from "identities"`).all()).toEqual([{ externalId: "user_1" }]);
  copy.close();
  expect(readdirSync(join(folder, at(12))).sort()).toEqual(["latchkey.db", "latchkey.db-usage"]);

  clock.nowMs += 59 * 60_000;
  await make().tick(); // after a restart
  expect(files()).toEqual([at(12)]);

  // other files in the folder are not deleted
  const others = ["latchkey.db-2025-01-01T00-00-00Z", "other.db-2025-01-01T00-00-00Z", "notes"];
  for (const name of others) mkdirSync(join(folder, name));
  writeFileSync(join(folder, at(12), "note"), "keep me");
  for (const minutes of [1, 60, 60]) {
    clock.nowMs += minutes * 60_000;
    await tick();
  }
  expect(files()).toEqual(
    [...others, at(12), at(13), at(14), at(15)].filter((name) => name !== at(13)).sort(),
  );
  expect(readdirSync(join(folder, at(12)))).toEqual(["note"]);
});

test("if the clock is set back, the next backup comes no later than usual, and no new backup is deleted", async () => {
  const folder = join(newFolder(), "backups");
  const { tick, clock, files } = schedule(folder, { keep: 1 });
  await tick();
  clock.nowMs -= hourMs;
  await tick();
  expect(files()).toEqual([at(11)]);
});

test("a backup does not block the thread that serves requests", async () => {
  let isCopying = false;
  const { tick } = schedule(join(newFolder(), "backups"), {
    path: largeFile(),
    async open() {
      const reader = openBackgroundReader(largeFile());
      const executor = reader.db.getExecutor();
      const run = executor.executeQuery.bind(executor);
      executor.executeQuery = async <R>(query: CompiledQuery<R>) => {
        isCopying = true;
        const result = await run(query);
        isCopying = false;
        return result;
      };
      return reader;
    },
  });
  let turns = 0;
  let done = false;
  const backup = tick().then(() => {
    done = true;
  });
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isCopying) turns += 1;
  }
  await backup;
  expect(turns).toBeGreaterThan(10);
});

let large: string | undefined;

/** Creates a database that takes a while to copy. */
function largeFile(): string {
  if (large !== undefined) return large;
  large = join(newFolder(), "latchkey.db");
  for (const file of [large, `${large}-usage`]) {
    const made = new Database(file, { create: true });
    made.run(`create table "filler" ("bytes" blob) strict`);
    made.run(
      `insert into "filler" with recursive "n" ("i") as (select 1 union all select "i" + 1 from "n" where "i" < 20)
       select randomblob(1048576) from "n"`,
    );
    made.close();
  }
  return large;
}

test("a backup that fails on a full disk leaves no file and is reported, and the next backup is written when it is due", async () => {
  const disk = newFolder();
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "none", disk]).status).toBe(0);
  try {
    const { tick, clock, told, files } = schedule(join(disk, "backups"));
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "filler"), new Uint8Array((bavail - 20) * bsize));
    await tick();
    await tick();
    expect([told, files()]).toEqual([["database or disk is full"], []]);
    rmSync(join(disk, "filler"));
    clock.nowMs += hourMs;
    await tick();
    expect(told).toEqual(["database or disk is full", "made"]);
    expect(files()).toEqual([at(13)]);
  } finally {
    spawnSync("umount", ["--lazy", disk]);
  }
});

test("a server with BACKUP settings writes backups, and on PostgreSQL it refuses them and says what to use instead", async () => {
  const folder = newFolder();
  const serving = await startTest({
    engine: { name: "file", url: (place) => `file:${join(place, "latchkey.db")}` },
    config: { BACKUP_FOLDER: folder },
  });
  const [line = ""] = await until(() => {
    const lines = serving.log.filter((one) => one.includes("backup_made"));
    return lines.length > 0 && lines;
  });
  expect(JSON.parse(line).folder).toStartWith(join(folder, "latchkey.db-"));
  await serving.stop();
  const refusal = (url: string) =>
    startTest({ engine: { name: "", url: () => url }, config: { BACKUP_FOLDER: folder } }).then(
      () => "started",
      (error: Error) => error.message,
    );
  expect(await refusal("postgres://a@b/c")).toContain("back up with pg_dump");
  expect(await refusal(":memory:")).toContain("cannot be backed up");
});
