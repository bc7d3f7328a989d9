import { Database } from "bun:sqlite";
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines } from "../../test/harness.ts";
import { newFolder, runProgram } from "../../test/program.ts";
import { monotonicMs } from "../runtime.ts";
import { type Engine, StorageError } from "./engine.ts";
import { openStorage } from "./open.ts";

setDefaultTimeout(60_000);

const options = { serving: false, connections: 4, monotonicMs };
const opened: Engine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close();
});
const open = async (url: string) => {
  const engine = await openStorage(databaseAt(url), options);
  opened.push(engine);
  return engine;
};

/** Runs `migrate.child.ts`. Returns `undefined` if it was killed at statement `killAt`, otherwise what it printed. */
function migrateIn(path: string, killAt: number): Promise<string | undefined> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dir, "../../test/migrate.child.ts"), path, String(killAt)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let printed = "";
  child.stdout.on("data", (data) => {
    printed += String(data);
  });
  return new Promise((resolve) => {
    child.on("close", (_, signal) => resolve(signal === null ? printed.trim() : undefined));
  });
}

/**
 * Locks a SQLite database until the returned function is called. The processes that open the database wait for the
 * lock, and then begin together.
 */
function holdBack(url: string): () => void {
  if (!url.startsWith("file:")) return () => undefined;
  const holder = new Database(`${url.slice("file:".length)}-creating`, { create: true, readwrite: true });
  holder.run("begin exclusive");
  return () => {
    holder.run("rollback");
    holder.close();
  };
}

/** Starts another process, which opens the database and adds a workspace. */
async function openElsewhere(url: string, name: string) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../test/open.child.ts"), url, name], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await child.stderr.text();
  return { code: await child.exited, said };
}

type Row = Record<string, unknown>;

/** Returns everything that migrations have created, and the names of the recorded migrations. */
function schemaOf(path: string): { tables: Row[]; applied: string[] } {
  const database = new Database(path, { readwrite: true, create: false });
  const tables = database
    .query<Row, []>("select name, sql from sqlite_master where sql is not null order by name")
    .all();
  const applied = tables.some((row) => row["name"] === "migrations")
    ? database.query<{ name: string }, []>("select name from migrations order by name").all()
    : [];
  database.close();
  return { tables, applied: applied.map((row) => row.name) };
}

describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))("on $name", (row) => {
  test("several processes that start at the same time on an empty database create one complete schema", async () => {
    const url = await row.url(newFolder());
    const release = holdBack(url);
    const running = Array.from({ length: 6 }, (_, index) => openElsewhere(url, String(index)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    release();
    const started = await Promise.all(running);
    expect(started).toEqual(started.map(() => ({ code: 0, said: "" })));
    const engine = await open(url);
    const workspaces = await engine.db.selectFrom("workspaces").select("name").execute();
    expect(workspaces.map(({ name }) => name).sort()).toEqual(["0", "1", "2", "3", "4", "5"]);
    await opened.pop()?.close();
    await row.drop?.(url);
  });

  test("a database with an unknown migration is refused as newer, and not changed", async () => {
    const url = await row.url(newFolder());
    const engine = await open(url);
    const unknown = { name: "9999_from_the_future" };
    await engine.transaction((tx) =>
      // only the migrations use this table, so the type `Schema` does not have it
      (tx as unknown as { insertInto(table: string): { values(row: object): { execute(): Promise<void> } } })
        .insertInto("migrations")
        .values(unknown)
        .execute(),
    );
    await opened.pop()?.close();
    const fault = await openStorage(databaseAt(url), options).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(StorageError);
    expect(fault).toMatchObject({ reason: "newer_schema" });
    const ended = await runProgram(["serve"], {
      env: { DATABASE_URL: url, PORT: "0", ALLOW_LOCAL_COUNTERS: "true" },
    });
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr).toMatch(
      /^The database was written by a newer Latchkey \(it has migration 9999_from_the_future\): .+\.\n$/,
    );
    await row.drop?.(url);
  });

  test("opening a database that is up to date changes nothing", async () => {
    const url = await row.url(newFolder());
    for (let i = 0; i < 3; i += 1) {
      const engine = await open(url);
      expect(await engine.db.selectFrom("workspaces").selectAll().execute()).toEqual([]);
      await opened.pop()?.close();
    }
    await row.drop?.(url);
  });
});

describe("a kill during the migrations", () => {
  test("at any statement leaves only complete migrations, and the next start runs the rest", async () => {
    const folder = newFolder();
    const whole = join(folder, "whole.db");
    const statements = Number(await migrateIn(whole, 0));
    const expected = schemaOf(whole);
    expect(expected.applied.length).toBeGreaterThan(1);
    expect(statements).toBeGreaterThan(20);

    /** the schema that a kill left, by the names of the migrations that were complete */
    const stages = new Map<string, string>();
    const killAt = Array.from({ length: statements }, (_, index) => index + 1);
    for (let from = 0; from < killAt.length; from += 8) {
      await Promise.all(
        killAt.slice(from, from + 8).map(async (at) => {
          const path = join(folder, `killed-${at}.db`);
          expect(await migrateIn(path, at)).toBeUndefined();
          const left = schemaOf(path);
          expect(left.applied).toEqual(expected.applied.slice(0, left.applied.length));
          const stage = JSON.stringify(left.tables);
          const known = stages.get(left.applied.join());
          stages.set(left.applied.join(), known ?? stage);
          expect(stage).toBe(known ?? stage);
        }),
      );
    }
    expect(stages.size).toBe(expected.applied.length + 1);

    // four of the killed databases are then migrated to the end
    for (const at of [1, Math.floor(statements / 3), Math.floor(statements / 2), statements]) {
      const path = join(folder, `resumed-${at}.db`);
      for (const suffix of ["", "-wal", "-shm"]) {
        const file = join(folder, `killed-${at}.db${suffix}`);
        if (existsSync(file)) copyFileSync(file, path + suffix);
      }
      await migrateIn(path, 0);
      expect(schemaOf(path)).toEqual(expected);
    }
  });
});
