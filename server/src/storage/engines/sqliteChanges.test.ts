import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { newFolder } from "../../../test/program.ts";
import { until } from "../../../test/until.ts";
import type { Engine } from "../engine.ts";
import { openSqlite } from "./sqlite.ts";
import { keptChanges } from "./sqliteChanges.ts";

describe("a server on a file", () => {
  let path = "";
  let server: Engine;
  let command: Engine;
  let told: (readonly string[] | undefined)[] = [];
  beforeEach(async () => {
    path = join(newFolder(), "latchkey.db");
    server = await openSqlite(path, { serving: true });
    command = await openSqlite(path, { serving: false });
    told = [];
    server.onForeignChange(({ ids }) => told.push(ids));
  });
  afterEach(async () => {
    await command.close();
    await server.close();
  });
  const change = (engine: Engine, ids: readonly string[]) =>
    engine.transaction((tx) => engine.recordChanges(tx, new Set(ids)));

  test("learns which records a command changes, and none of its own", async () => {
    await change(server, ["own"]);
    await change(command, ["key_1", "id_1"]);
    await change(command, []);
    await until(() => told.flat().length === 2);
    await change(command, ["key_2"]);
    await until(() => told.flat().length === 3);
    expect(told.flat()).toEqual(["key_1", "id_1", "key_2"]);
  });

  test("takes it that anything may have changed if another program writes", async () => {
    const other = new Database(path, { readwrite: true, create: false });
    other.run(`update "workspaces" set "enabled" = 0`);
    other.run(`create table "notes" ("text" text)`);
    other.close();
    await until(() => told.length > 0);
    expect(told).toEqual([undefined]);
  });

  test("takes it that anything may have changed if a command changes more than is stored", async () => {
    const other = new Database(path, { readwrite: true, create: false });
    const insert = other.query(`insert into "changes" ("id", "ids") values (?, ?)`);
    for (let id = 2; id < 5; id += 1) insert.run(id, `key_${id}`); // the first one is deleted already
    other.close();
    await until(() => told.length > 0);
    expect(told).toEqual([undefined]);
    await change(command, ["key_5"]);
    await until(() => told.length > 1);
    expect(told[1]).toEqual(["key_5"]);
  });

  test("finds the changes of the latest transactions only, since older ones are deleted", async () => {
    for (let id = 0; id < keptChanges + 10; id += 1) await change(command, [`key_${id}`]);
    const other = new Database(path, { readonly: true });
    const [row] = other.query<{ count: number }, []>(`select count(*) as "count" from "changes"`).all();
    other.close();
    expect(row?.count).toBe(keptChanges);
  });
});
