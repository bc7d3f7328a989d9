import { Database } from "bun:sqlite";
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder, until } from "../../../test/program.ts";
import { type Engine, StorageError } from "../engine.ts";
import { insertWorkspace, listWorkspaces } from "../queries/workspaces.ts";
import type { Answered, Asked } from "../workerThread.ts";
import { openSqlite } from "./sqlite.ts";
import type { Order } from "./sqliteWorker.ts";

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

/** What a power cut would leave: copies of the database and its log as they were when a flush of the log began. */
type Kept = { database: Uint8Array; log: Uint8Array };

/**
 * Watches every thread that is started until `stop`: before an order to flush goes out it copies the files, and when
 * the flush is answered that copy counts as kept. With `failing` set the disk answers flushes with an error.
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
      this.addEventListener("message", ({ data }: { data: Answered }) => {
        const copy = begun.get(data.id);
        begun.delete(data.id);
        if (copy === undefined || data.error !== undefined) return;
        state.kept = copy;
        state.flushes += 1;
      });
    }
    override postMessage(message: Asked<Order> | { path: string }): void {
      if ("order" in message && message.order.kind === "sync") {
        if (state.failing) {
          const data: Answered = {
            id: message.id,
            rows: [],
            error: { message: "EIO: i/o error", code: "EIO" },
          };
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

/** The workspaces that a restart after the power cut would find. */
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

describe("a power cut", () => {
  test("at the moment of any acknowledgement leaves everything that was acknowledged", async () => {
    const path = newPath();
    const disk = watchFlushes(path);
    const engine = await open(
      path,
      { serving: true },
      { commitsBetweenCheckpoints: 20, maxLogBytes: 200_000 },
    );
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
    expect(disk.flushes).toBeLessThan(240); // callers share flushes
  });

  test("after a disk that could not flush: what it had not kept is not acknowledged, and nothing is written after it", async () => {
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
    expect(await idsOf(engine)).toContain("ws_kept"); // reading goes on
    await engine.check();
    await close(engine);
    const again = await open(path);
    await add(again, "ws_again");
    expect(await idsOf(again)).not.toContain("ws_later");
  });
});

describe("the write-ahead log", () => {
  test("stays bounded while writes go on and on", async () => {
    const path = newPath();
    const limits = { commitsBetweenCheckpoints: 20, maxLogBytes: 500_000 };
    const engine = await open(path, { serving: true }, limits);
    let largest = 0;
    let written = 0;
    const write = async (caller: number) => {
      for (let round = 0; round < 60; round += 1) {
        await add(engine, `ws_${caller}_${round}`, "x".repeat(8_000));
        written += 8_000;
        largest = Math.max(largest, logBytes(path));
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, caller) => write(caller)));
    expect(written).toBeGreaterThan(7_000_000);
    // the limit, what 20 commits may add before it is looked at, and as much again while the fold is waited for
    expect(largest).toBeLessThan(3_000_000);
    expect(await idsOf(engine)).toHaveLength(16 * 60);
  });

  test("is emptied when nothing happens", async () => {
    const path = newPath();
    const engine = await open(path);
    for (let i = 0; i < 10; i += 1) await add(engine, `ws_${i}`);
    expect(logBytes(path)).toBeGreaterThan(0);
    await until("the log is empty", () => (logBytes(path) === 0 ? true : undefined), 5_000);
    expect(await idsOf(engine)).toHaveLength(10);
  });

  test("is emptied also where somebody read at that time, once he has done", async () => {
    const path = newPath();
    const engine = await open(path);
    await add(engine, "ws_first");
    const other = new Database(path, { readwrite: true, create: false });
    other.run("begin");
    other.query(`select * from "workspaces"`).all();
    await add(engine, "ws_second");
    await new Promise((resolve) => setTimeout(resolve, 1_200)); // several tries, all in vain
    expect(logBytes(path)).toBeGreaterThan(0);
    other.run("rollback");
    other.close();
    await until("the log is empty", () => (logBytes(path) === 0 ? true : undefined), 5_000);
  });

  test("keeps nothing of what was deleted, nor does any other file", async () => {
    const path = newPath();
    const engine = await open(path);
    const canary = "canary-".repeat(400);
    await add(engine, "ws_canary", canary);
    await add(engine, "ws_other");
    await engine.transaction((tx) => tx.deleteFrom("workspaces").where("id", "=", "ws_canary").execute());
    await until(
      "no file holds it",
      () => {
        const folder = join(path, "..");
        const holding = readdirSync(folder).filter((name) =>
          readFileSync(join(folder, name)).includes("canary-"),
        );
        return holding.length === 0 ? true : undefined;
      },
      5_000,
    );
    expect(await idsOf(engine)).toEqual(["ws_other"]);
  });
});

describe("a transaction", () => {
  test("that fails leaves nothing, and the ones beside it are whole", async () => {
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

  test("is alone: what it read holds until its end, however long it thinks", async () => {
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

  test("waits for another process that writes, and reads go on meanwhile", async () => {
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
  test("may not serve, may manage, and may serve once the first has gone", async () => {
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

  test("is heard of when it changes something; what one does oneself is not taken for its change", async () => {
    const path = newPath();
    const engine = await open(path, { serving: true }, { commitsBetweenCheckpoints: 5, maxLogBytes: 1_000 });
    let changes = 0;
    engine.onForeignChange(() => {
      changes += 1;
    });
    for (let i = 0; i < 50; i += 1) await add(engine, `ws_${i}`);
    await until("the log is empty", () => (logBytes(path) === 0 ? true : undefined), 5_000);
    await new Promise((resolve) => setTimeout(resolve, 600)); // two looks
    expect(changes).toBe(0);
    const manager = await open(path, { serving: false });
    await add(manager, "ws_foreign");
    await until("the change is heard of", () => (changes > 0 ? true : undefined), 5_000);
    expect(await idsOf(engine)).toContain("ws_foreign");
  });
});

test("more statements than are kept at hand still run", async () => {
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

test("what is no database is refused in a sentence, and left as it was", async () => {
  const path = newPath();
  const text = "this is a text, and no database at all. ".repeat(200);
  writeFileSync(path, text);
  const fault = await faultOf(openSqlite(path, { serving: true }));
  expect(fault).toBeInstanceOf(StorageError);
  expect(String(fault)).toMatch(
    /^StorageError: The database .+ cannot be opened for writing: file is not a database\.$/,
  );
  expect(readFileSync(path, "utf8")).toBe(text);
});
