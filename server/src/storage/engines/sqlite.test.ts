import { Database } from "bun:sqlite";
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompiledQuery, sql } from "kysely";
import { createDatabase, newFolder } from "../../../test/program.ts";
import { until } from "../../../test/until.ts";
import { type Engine, StorageError } from "../engine.ts";
import { insertWorkspace, listWorkspaces } from "../queries/workspaces.ts";
import type { ThreadRequest, ThreadResponse } from "../workerThread.ts";
import { openSqlite } from "./sqlite.ts";
import { groupCharacters } from "./sqliteGroups.ts";
import type { Order, WorkerStart } from "./sqliteWorker.ts";

setDefaultTimeout(30_000);

const opened: Engine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close();
});

async function open(path: string, ...rest: [{ serving: boolean }?, Parameters<typeof openSqlite>[2]?]) {
  const engine = await openSqlite(path, rest[0] ?? { serving: true }, rest[1]);
  opened.push(engine);
  return engine;
}

async function close(engine: Engine): Promise<void> {
  opened.splice(opened.indexOf(engine), 1);
  await engine.close();
}

const newPath = () => join(newFolder(), "latchkey.db");
const add = (engine: Engine, id: string, name = id) =>
  engine.transaction((tx) => insertWorkspace(tx, { id, name, nowMs: 0 }));
const idsOf = async (engine: Engine) => (await listWorkspaces(engine.db)).map((row) => row.id);
const logBytes = (path: string) => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (fault: unknown) => fault,
  );

/** What a power cut would leave on disk: copies of the database file and its log, made when a flush began. */
type Kept = { database: Uint8Array; log: Uint8Array };

/**
 * Watches the flushes of all threads that are started before `stop`. Copies the files before each flush. Once the flush
 * has succeeded, `kept` is this copy: a power cut would leave at least that. With `failing` set, every flush fails.
 */
function watchFlushes(path: string) {
  const Original = globalThis.Worker;
  const begun = new Map<number, Kept>();
  const state: { kept: Kept | undefined; flushes: number; failing: boolean; stop(): void } = {
    kept: undefined,
    flushes: 0,
    failing: false,
    stop: () => {
      globalThis.Worker = Original;
    },
  };
  globalThis.Worker = class extends Original {
    constructor(url: string) {
      super(url);
      this.addEventListener("message", ({ data: responses }: { data: readonly ThreadResponse[] }) => {
        for (const response of responses) {
          const copy = begun.get(response.id);
          begun.delete(response.id);
          if (copy === undefined || "error" in response) continue;
          state.kept = copy;
          state.flushes += 1;
        }
      });
    }
    override postMessage(message: ThreadRequest<WorkerStart, Order>): void {
      if ("order" in message && message.order.kind === "sync") {
        if (state.failing) {
          const error = { message: "EIO: i/o error", code: "EIO" };
          const data: readonly ThreadResponse[] = [{ id: message.id, error }];
          queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", { data })));
          return;
        }
        begun.set(message.id, { database: readFileSync(path), log: readFileSync(`${path}-wal`) });
      }
      super.postMessage(message);
    }
  } as typeof Worker;
  return state;
}

/** Returns the ids of the workspaces that a restart after the power cut would find. */
function workspacesIn(kept: Kept | undefined): Set<string> {
  if (kept === undefined) return new Set();
  const path = newPath();
  writeFileSync(path, kept.database);
  writeFileSync(`${path}-wal`, kept.log);
  const database = new Database(path, { readwrite: true, create: false });
  expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  const rows = database.query<{ id: string }, []>(`select "id" from "workspaces"`).all();
  database.close();
  return new Set(rows.map((row) => row.id));
}

test.if(process.platform === "linux")(
  "slow reads run on a thread with lower priority, and nothing else does",
  async () => {
    const niceThreads = () =>
      readdirSync("/proc/self/task").filter((id) => {
        const fields = readFileSync(`/proc/self/task/${id}/stat`, "utf8").split(") ")[1]?.split(" ");
        return Number(fields?.[16]) > 0;
      });
    const before = niceThreads();
    const engine = await open(newPath());
    await add(engine, "ws_1");
    await listWorkspaces(engine.db);
    expect(niceThreads()).toEqual(before);
    await listWorkspaces(engine.slow);
    expect(niceThreads()).toHaveLength(before.length + 1);
  },
);

describe("a power cut", () => {
  test("at any moment loses nothing that was acknowledged before", async () => {
    const path = newPath();
    const disk = watchFlushes(path);
    const engine = await open(path, { serving: true }, { foldBytes: 100_000, maxBytesBefore: 200_000 });
    disk.stop();
    const acknowledged: string[] = [];
    let checked: Kept | undefined;
    const write = async (caller: number) => {
      for (let round = 0; round < 15; round += 1) {
        const id = `ws_${caller}_${round}`;
        await add(engine, id, "x".repeat(round * 200));
        acknowledged.push(id);
        if (disk.kept !== checked || round % 5 === 0) {
          checked = disk.kept;
          const found = workspacesIn(disk.kept);
          expect(acknowledged.filter((one) => !found.has(one))).toEqual([]);
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, caller) => write(caller)));
    expect(acknowledged).toHaveLength(240);
    expect(disk.flushes).toBeLessThan(240); // fewer flushes than commits, since callers share them
  });

  test("after a failed flush loses nothing that was acknowledged, and nothing is written after the failure", async () => {
    const path = newPath();
    const disk = watchFlushes(path);
    const engine = await open(path);
    disk.stop();
    await add(engine, "ws_kept");
    disk.failing = true;
    const fault = await faultOf(add(engine, "ws_lost"));
    expect(fault).toBeInstanceOf(StorageError);
    expect(fault).toMatchObject({ reason: "not_durable" });
    disk.failing = false;
    expect(await faultOf(add(engine, "ws_later"))).toMatchObject({ reason: "unavailable" });
    expect([...workspacesIn(disk.kept)]).toEqual(["ws_kept"]);
    expect(await idsOf(engine)).toContain("ws_kept"); // reads still succeed
    await engine.check();
    await close(engine);
    const again = await open(path);
    await add(again, "ws_again");
    expect(await idsOf(again)).not.toContain("ws_later");
  });
});

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
      // the rows of a group, 10 % for the headers of their pages in the log, and 50 KB of other pages per caller
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

  test("is emptied after a read that was in progress, too", async () => {
    const path = newPath();
    const engine = await open(path);
    await add(engine, "ws_first");
    const other = new Database(path, { readwrite: true, create: false });
    other.run("begin");
    other.query(`select * from "workspaces"`).all();
    await add(engine, "ws_second");
    await new Promise((resolve) => setTimeout(resolve, 1_200)); // time for several attempts to empty the log, all of which must fail
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

describe("a transaction", () => {
  test("that fails changes nothing, and the others in its group are complete", async () => {
    const engine = await open(newPath());
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        faultOf(
          engine.transaction(async (tx) => {
            await insertWorkspace(tx, { id: `ws_${index}_a`, name: "a", nowMs: 0 });
            if (index % 3 === 0) throw new Error("changed its mind");
            await insertWorkspace(tx, { id: `ws_${index}_b`, name: "b", nowMs: 0 });
          }),
        ),
      ),
    );
    expect(outcomes.filter((fault) => fault !== undefined)).toHaveLength(10);
    const ids = await idsOf(engine);
    expect(ids).toHaveLength(40);
    for (let index = 0; index < 30; index += 1) {
      expect(ids.filter((id) => id.startsWith(`ws_${index}_`))).toHaveLength(index % 3 === 0 ? 0 : 2);
    }
  });

  test("shares one flush with all that arrive at the same time", async () => {
    const path = newPath();
    const disk = watchFlushes(path);
    const engine = await open(path);
    disk.stop();
    const ids = Array.from({ length: 30 }, (_, index) => `ws_${index}`);
    await Promise.all(ids.map((id) => add(engine, id)));
    expect(await idsOf(engine)).toEqual(ids.toSorted());
    expect(disk.flushes).toBeLessThan(15); // usually 1; more on a busy machine, since a group of transactions takes no more of them after 5 ms
  });

  test("is run again on its own if its group is rolled back because of another one", async () => {
    const engine = await open(newPath());
    let runs = 0;
    // on a busy machine the three do not always share a group, since a group takes no more transactions after 5 ms
    for (let attempt = 0; runs < 2 && attempt < 50; attempt += 1) {
      runs = 0;
      const outcomes = await Promise.all(
        [1, 2, 3].map((nth) =>
          faultOf(
            engine.transaction(async (tx) => {
              if (nth === 1) runs += 1;
              await insertWorkspace(tx, { id: `ws_${attempt}_${nth}`, name: "a", nowMs: 0 });
              if (nth !== 2) return;
              await tx.executeQuery(CompiledQuery.raw("rollback")); // as SQLite does when the disk is full
              throw new Error("the disk is full");
            }),
          ),
        ),
      );
      expect(outcomes).toEqual([undefined, new Error("the disk is full"), undefined]);
      const stored = (await idsOf(engine)).filter((id) => id.startsWith(`ws_${attempt}_`));
      expect(stored).toEqual([`ws_${attempt}_1`, `ws_${attempt}_3`]);
    }
    expect(runs).toBe(2);
  });

  test("that fails alone runs once", async () => {
    const engine = await open(newPath());
    let runs = 0;
    const fault = await faultOf(
      engine.transaction(async (tx) => {
        runs += 1;
        await insertWorkspace(tx, { id: "ws_1", name: "a", nowMs: 0 });
        throw new Error("changed its mind");
      }),
    );
    expect([fault, runs, await idsOf(engine)]).toEqual([new Error("changed its mind"), 1, []]);
  });

  test("that goes on after it was rolled back fails, and the next one in its group is stored once", async () => {
    const engine = await open(newPath());
    await add(engine, "ws_0", "warm"); // so that both transactions below are fast enough to be one group
    const outcomes = await Promise.all(
      ["ws_1", "ws_2"].map((id) =>
        faultOf(
          engine.transaction(async (tx) => {
            await insertWorkspace(tx, { id, name: id, nowMs: 0 });
            if (id === "ws_1") await tx.executeQuery(CompiledQuery.raw("rollback")); // as SQLite does when the disk is full
          }),
        ),
      ),
    );
    expect(outcomes.map((fault) => fault === undefined)).toEqual([false, true]);
    expect(await idsOf(engine)).toEqual(["ws_0", "ws_2"]);
  });

  test("is isolated: what it has read does not change until its end, however long it takes", async () => {
    const engine = await open(newPath());
    await add(engine, "ws_count", "0");
    const countUp = () =>
      engine.transaction(async (tx) => {
        const { name } = await tx
          .selectFrom("workspaces")
          .select("name")
          .where("id", "=", "ws_count")
          .executeTakeFirstOrThrow();
        await new Promise((resolve) => setImmediate(resolve));
        await tx
          .updateTable("workspaces")
          .set({ name: String(Number(name) + 1) })
          .where("id", "=", "ws_count")
          .execute();
      });
    await Promise.all(Array.from({ length: 50 }, countUp));
    expect((await listWorkspaces(engine.db))[0]?.name).toBe("50");
  });

  test("waits for another process that writes, and reads continue meanwhile", async () => {
    const path = newPath();
    const engine = await open(path);
    const other = new Database(path, { readwrite: true, create: false });
    other.run("begin immediate");
    let done = false;
    const waiting = add(engine, "ws_waited").then(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await idsOf(engine)).toEqual([]);
    expect(done).toBe(false);
    other.run("rollback");
    other.close();
    await waiting;
    expect(await idsOf(engine)).toEqual(["ws_waited"]);
  });
});

describe("a second process on the same file", () => {
  test("cannot serve but can run commands, and can serve when the first has ended", async () => {
    const path = newPath();
    const first = await open(path);
    expect(await faultOf(openSqlite(path, { serving: true }))).toMatchObject({ reason: "in_use" });
    const manager = await open(path, { serving: false });
    await add(manager, "ws_managed");
    expect(await idsOf(first)).toEqual(["ws_managed"]);
    await close(manager);
    await close(first);
    const second = await open(path);
    expect(await idsOf(second)).toEqual(["ws_managed"]);
  });

  test("is noticed when it changes something, and the first does not mistake its own changes for those of another", async () => {
    const path = newPath();
    const engine = await open(path, { serving: true }, { foldBytes: 1_000, maxBytesBefore: 100_000 });
    let changes = 0;
    engine.onForeignChange(() => {
      changes += 1;
    });
    for (let i = 0; i < 50; i += 1) await add(engine, `ws_${i}`);
    await until(() => logBytes(path) === 0, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 600)); // the time of two polls
    expect(changes).toBe(0);
    const manager = await open(path, { serving: false });
    await add(manager, "ws_foreign");
    await until(() => changes > 0, 5_000);
    expect(await idsOf(engine)).toContain("ws_foreign");
  });
});

test("more different statements than fit into the cache of prepared statements all run", async () => {
  const engine = await open(newPath());
  await add(engine, "ws_one");
  for (let i = 0; i < 1_200; i += 1) {
    const rows = await engine.db
      .selectFrom("workspaces")
      .select("id")
      .where("id", "=", "ws_one")
      .limit((i % 600) + 1)
      .offset(0)
      .execute();
    expect(rows).toEqual([{ id: "ws_one" }]);
  }
});

describe("at the path of a damaged database", () => {
  /** Creates a database in another process: if this process opened the file, its SQLite would remember the length. */
  async function makeDatabase(): Promise<string> {
    const path = newPath();
    await createDatabase(`file:${path}`);
    return path;
  }
  const cut = (bytes: (path: string) => number) => async () => {
    const path = await makeDatabase();
    truncateSync(path, bytes(path));
    return path;
  };
  const lone = (suffix: string) => async () => {
    const path = newPath();
    writeFileSync(path + suffix, "something");
    return path;
  };
  const written = (bytes: string) => async () => {
    const path = newPath();
    writeFileSync(path, bytes);
    return path;
  };
  async function foreign(): Promise<string> {
    const path = newPath();
    const database = new Database(path, { create: true, readwrite: true });
    database.run(`create table "notes" ("text" text)`);
    database.close();
    return path;
  }
  /** Creates the file of a database whose tables were still in the write-ahead log, and loses the log. */
  async function withoutLog(): Promise<string> {
    const path = newPath();
    const database = new Database(path, { create: true, readwrite: true });
    database.run("pragma journal_mode = wal");
    database.run(`create table "migrations" ("name" text)`);
    writeFileSync(`${path}.copy`, readFileSync(path));
    database.close();
    return `${path}.copy`;
  }

  test.each([
    ["an empty file", written(""), /is damaged: the file is empty\. Restore a backup/],
    ["a text", written("this is a text, and no database at all. ".repeat(200)), /file is not a database/],
    ["a few bytes", written("SQLite"), /file is not a database/],
    ["half a database", cut((path) => statSync(path).size / 2), /malformed/],
    ["a database without its last page", cut((path) => statSync(path).size - 4096), /malformed/],
    [
      "a database without its last byte",
      cut((path) => statSync(path).size - 1),
      /its end is missing|malformed/,
    ],
    ["a database's first 100 bytes", cut(() => 100), /malformed|not a database/],
    ["another program's database", foreign, /has no Latchkey tables/],
    ["a database that has lost its log", withoutLog, /has no Latchkey tables/],
    ["the log of a missing database", lone("-wal"), /is missing, but .+-wal exists\. Restore a backup/],
    ["the usage of a missing database", lone("-usage"), /is missing, but .+-usage exists/],
    ["the counters of a missing database", lone(".counters"), /is missing, but .+\.counters exists/],
  ])("%s is refused in one sentence and left unchanged", async (_, make, sentence) => {
    const path = await make();
    const files = () =>
      readdirSync(join(path, ".."))
        .sort()
        .filter((name) => !/-(serving|shm)$/.test(name))
        .filter((name) => !(name.endsWith("-wal") && statSync(join(path, "..", name)).size === 0))
        .map((name) => [name, Bun.hash(readFileSync(join(path, "..", name)))] as const);
    const before = files();
    const fault = await faultOf(openSqlite(path, { serving: true }));
    expect(fault).toBeInstanceOf(StorageError);
    expect((fault as StorageError).message).toMatch(sentence);
    expect((fault as StorageError).message).toMatch(/^The database [^\n]+\.$/);
    expect(files()).toEqual(before);
  });

  test("a start creates the database if a kill interrupted its creation", async () => {
    const path = newPath();
    writeFileSync(`${path}.new`, "the beginning of one");
    writeFileSync(`${path}.new-journal`, "and of its journal");
    writeFileSync(`${path}-creating`, "");
    const engine = await open(path);
    await add(engine, "ws_one");
    expect(readdirSync(join(path, "..")).sort()).toEqual([
      "latchkey.db",
      "latchkey.db-serving",
      "latchkey.db-shm",
      "latchkey.db-wal",
    ]);
  });
});
