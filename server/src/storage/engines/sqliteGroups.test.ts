import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import { newFolder } from "../../../test/program.ts";
import type { Engine } from "../engine.ts";
import { insertWorkspace, listWorkspaces } from "../queries/workspaces.ts";
import type { Tx } from "../schema.ts";
import { openSqlite } from "./sqlite.ts";
import { executor } from "./sqliteConnection.ts";
import { groupCommits } from "./sqliteGroups.ts";
import { serialQueue } from "./sqliteTransaction.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(path = join(newFolder(), "latchkey.db")): Promise<Engine> {
  const engine = await openSqlite(path, { serving: true });
  closing.push(engine.close);
  return engine;
}

const row = (id: string) => ({ id, name: id, nowMs: 0 });
const add = (engine: Engine, id: string) => engine.transaction((tx) => insertWorkspace(tx, row(id)));
const idsOf = async (engine: Engine) => (await listWorkspaces(engine.db)).map(({ id }) => id);
const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (fault: unknown) => fault,
  );

describe("a commit finishes, and later commits succeed,", () => {
  test("while the size of the write-ahead log cannot be read", async () => {
    const path = join(newFolder(), "latchkey.db");
    const engine = await open(path);
    await add(engine, "ws_before");
    renameSync(`${path}-wal`, `${path}-moved`); // SQLite has the file open and continues to write to it
    symlinkSync(`${path}-wal`, `${path}-wal`);
    expect(() => statSync(`${path}-wal`)).toThrow("ELOOP");
    await Promise.all([add(engine, "ws_1"), add(engine, "ws_2")]);
    await add(engine, "ws_3");
    rmSync(`${path}-wal`);
    renameSync(`${path}-moved`, `${path}-wal`);
    expect(await idsOf(engine)).toEqual(["ws_1", "ws_2", "ws_3", "ws_before"]);
  });

  test("if the work throws an error whose code is a number", async () => {
    const engine = await open();
    const error = Object.assign(new Error("stopped"), { code: 20 });
    const failing = engine.transaction(() => Promise.reject(error));
    expect(await Promise.all([faultOf(failing), faultOf(add(engine, "ws_1"))])).toEqual([error, undefined]);
    await add(engine, "ws_2");
    expect(await idsOf(engine)).toEqual(["ws_1", "ws_2"]);
  });

  const steps = ["makeRoom", "grew", "refuseAfterFailure", "flush"] as const;
  test.each(steps)("even if %s throws, which it should not", async (failing) => {
    const writer = new Database(":memory:");
    closing.push(async () => writer.close());
    writer.run(
      `create table "workspaces" ("id" text, "name" text, "enabled" integer, "createdAtMs" integer, "timeZone" text)`,
    );
    let isFailing = true;
    const step = (name: (typeof steps)[number]) => () => {
      if (isFailing && name === failing) throw new Error("broken");
    };
    const { transaction } = groupCommits({
      writer,
      execute: executor(writer),
      queue: serialQueue(),
      log: { makeRoom: async () => step("makeRoom")(), grew: step("grew") },
      commits: { refuseAfterFailure: step("refuseAfterFailure"), flush: async () => step("flush")() },
      changes: { begin: () => void writer.run("begin immediate"), commit: () => void writer.run("commit") },
    });
    const insert = (id: string) => transaction((tx: Tx) => insertWorkspace(tx, row(id)));
    for (const fault of await Promise.all([faultOf(insert("ws_1")), faultOf(insert("ws_2"))])) {
      expect(fault).toBeInstanceOf(Error);
    }
    isFailing = false;
    await insert("ws_3");
    expect(writer.query(`select "id" from "workspaces" where "id" = 'ws_3'`).all()).toHaveLength(1);
  });
});

test("nothing of a transaction is stored if the disk is full, not even by statements that run together with the failing statement", async () => {
  const engine = await open();
  await add(engine, "ws_before");
  const setMostPages = (tx: Tx, pages: number) =>
    tx.executeQuery(CompiledQuery.raw(`pragma max_page_count = ${pages}`));
  const failing = engine.transaction(async (tx) => {
    await setMostPages(tx, 1); // from here on, the file cannot grow
    await Promise.all([
      insertWorkspace(tx, { ...row("ws_large"), name: "x".repeat(1_000_000) }),
      insertWorkspace(tx, row("ws_small")),
    ]);
  });
  const faults = await Promise.all([faultOf(failing), faultOf(add(engine, "ws_other"))]);
  expect(faults).toEqual([expect.objectContaining({ reason: "full" }), undefined]);
  expect(await idsOf(engine)).toEqual(["ws_before", "ws_other"]);
  await engine.transaction((tx) => setMostPages(tx, 1_000_000));
  await add(engine, "ws_later");
});
