import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { CompiledQuery } from "kysely";
import { add, faultOf, idsOf, logBytes, newPath, testSqlite } from "../../../test/sqlite.ts";
import { until } from "../../../test/until.ts";
import { insertWorkspace, listWorkspaces } from "../queries/workspaces.ts";
import { openSqlite } from "./sqlite.ts";

setDefaultTimeout(30_000);

const { open, close } = testSqlite();

test.if(process.platform === "linux")(
  "slow reads run on a thread with lower priority, and nothing else does",
  async () => {
    const niceThreads = () =>
      readdirSync("/proc/self/task").filter((id) => {
        const fields = readFileSync(`/proc/self/task/${id}/stat`, "utf8").split(") ")[1]?.split(" ");
        return Number(fields?.[16]) > getPriority();
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

  test("runs again on its own if its group is rolled back because of another transaction", async () => {
    const engine = await open(newPath());
    let runs = 0;
    // on a busy machine, the three may not share a group, because a group starts no further transaction after 5 ms
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

  test("fails if it continues after it was rolled back, and the next transaction of its group is stored once", async () => {
    const engine = await open(newPath());
    await add(engine, "ws_0", "warm"); // so that both transactions below are fast enough to be one group
    const outcomes = await Promise.all(
      ["ws_1", "ws_2"].map((id) =>
        faultOf(
          engine.transaction(async (tx) => {
            await insertWorkspace(tx, { id, name: id, nowMs: 0 });
            // as SQLite does when the disk is full
            if (id === "ws_1") await tx.executeQuery(CompiledQuery.raw("rollback"));
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

  test("is noticed when it changes something, and the first process does not take its own changes for those of another", async () => {
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
