import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { add, faultOf, idsOf, newPath, testSqlite } from "../../../test/sqlite.ts";
import { StorageError } from "../engine.ts";
import type { ThreadRequest, ThreadResponse } from "../workerThread.ts";
import type { Order, WorkerStart } from "./sqliteWorker.ts";

setDefaultTimeout(30_000);

const { open, close } = testSqlite();

/** What a power cut would leave on disk: copies of the database file and its log, made when a flush began. */
type Kept = { database: Uint8Array; log: Uint8Array };

/**
 * Watches the flushes of all threads that are started before `stop`. Copies the files before each flush. Once the flush
 * has succeeded, `kept` is this copy: a power cut would leave at least these bytes. With `failing` set, every flush
 * fails.
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
    expect(disk.flushes).toBeLessThan(240); // fewer flushes than commits, because commits share flushes
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

describe("a transaction", () => {
  test("shares one flush with all that arrive at the same time", async () => {
    const path = newPath();
    const disk = watchFlushes(path);
    const engine = await open(path);
    disk.stop();
    const ids = Array.from({ length: 30 }, (_, index) => `ws_${index}`);
    await Promise.all(ids.map((id) => add(engine, id)));
    expect(await idsOf(engine)).toEqual(ids.toSorted());
    // usually 1 flush; more on a busy machine, because a group starts no further transaction after 5 ms
    expect(disk.flushes).toBeLessThan(15);
  });
});
