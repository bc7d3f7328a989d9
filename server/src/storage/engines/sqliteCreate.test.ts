import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDatabase } from "../../../test/program.ts";
import { add, faultOf, newPath, testSqlite } from "../../../test/sqlite.ts";
import { StorageError } from "../engine.ts";
import { openSqlite } from "./sqlite.ts";

setDefaultTimeout(30_000);

const { open } = testSqlite();

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
