import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { startTest, type TestServer } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { makeWorld } from "../../test/world.ts";
import { restore } from "../cli/restore.ts";
import { openBackgroundReader } from "../storage/open.ts";
import { checkBackup } from "./restore.ts";
import { writeBackup } from "./writeBackup.ts";

const folder = newFolder();
const made = join(folder, "backup", "latchkey.db");
let server: TestServer;

beforeAll(async () => {
  const path = join(newFolder(), "latchkey.db");
  server = await startTest({ engine: { name: "file", url: () => `file:${path}` } });
  await makeWorld(server, "restored");
  await server.services.usage.lastUses(server.workspaceId, ["none"]);
  const { db, close } = openBackgroundReader(path);
  await writeBackup({ path, db }, join(folder, "backup"));
  await close();
});
afterAll(() => server.stop());

const target = (name: string) => databaseAt(`file:${join(folder, name, "latchkey.db")}`);
const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it succeeded",
    (error: Error) => error.message,
  );

/** Copies the backup into its own folder, so that a test can damage the copy. */
function copyOfBackup(name: string): string {
  cpSync(join(folder, "backup"), join(folder, name), { recursive: true });
  return join(folder, name, "latchkey.db");
}

function changed(name: string, statement: string): string {
  const path = copyOfBackup(name);
  const database = new Database(path);
  database.run(statement);
  database.close();
  return path;
}

test("a restore prints what is in the backup, and the restored database has the same contents", async () => {
  const { contents } = checkBackup(made);
  expect(contents).toMatchObject({ workspaces: 1, newestWriteMs: server.clock.nowMs });
  expect(Math.min(contents.apis, contents.keys, contents.identities)).toBeGreaterThan(0);
  const checked = await restore(target("checked"), [made, "--check"]);
  expect(checked).toContain(`keys         ${contents.keys}\n`);
  expect(checked).toContain(`newest write ${new Date(server.clock.nowMs).toISOString()}\n`);
  expect(existsSync(join(folder, "checked"))).toBe(false);

  expect(await restore(target("restored"), [made])).toContain("Start the server now.");
  const place = join(folder, "restored");
  expect(readdirSync(place).sort()).toEqual(["latchkey.db", "latchkey.db-usage"]);
  expect(statSync(join(place, "latchkey.db")).mode & 0o777).toBe(0o600);
  expect(checkBackup(join(place, "latchkey.db")).contents).toEqual(contents);
});

test("a restore overwrites no file, neither the database nor one of the files beside it", async () => {
  for (const suffix of ["", "-wal", "-usage", ".counters", ".copying"]) {
    const place = `beside${suffix}`;
    mkdirSync(join(folder, place));
    const file = join(folder, place, `latchkey.db${suffix}`);
    writeFileSync(file, "mine");
    expect(await failureOf(restore(target(place), [made]))).toBe(
      `Nothing was restored, because ${file} exists. Stop the server and move it away first.`,
    );
    expect(readdirSync(join(folder, place))).toEqual([`latchkey.db${suffix}`]);
  }
});

test("a file that is damaged, newer, incomplete or not a backup is refused with the reason", async () => {
  const cut = copyOfBackup("cut");
  truncateSync(cut, statSync(cut).size - 8_192);
  const spoiled = copyOfBackup("spoiled");
  const bytes = new Uint8Array(await Bun.file(spoiled).arrayBuffer());
  bytes.fill(0x55, bytes.length - 6_000);
  writeFileSync(spoiled, bytes);
  const text = join(folder, "text.db");
  writeFileSync(text, "not a database, but long enough to be read as one. ".repeat(100));
  const other = join(folder, "other.db");
  new Database(other, { create: true }).run(`create table "notes" ("id" integer)`);
  const inUse = copyOfBackup("inUse");
  writeFileSync(`${inUse}-wal`, "log");
  const badUsage = copyOfBackup("badUsage");
  writeFileSync(`${badUsage}-usage`, "not a database, but long enough to be read. ".repeat(100));

  for (const [path, reason] of [
    [cut, "is damaged"],
    [spoiled, "is damaged"],
    [text, "is not a SQLite database"],
    [other, "is not a database of Latchkey"],
    [inUse, "is a database in use and not a backup"],
    [badUsage, "is not a SQLite database"],
    [changed("newer", `insert into "migrations" values ('9999_future')`), "was written by a newer Latchkey"],
    [
      changed("partial", `insert into "copies" values ('target', 'x', 'running', 'y', 1, 2)`),
      "incomplete copy",
    ],
    [
      changed("orphan", `insert into "keyRoles" values ('ws', 'key', 'role')`),
      "refers to a row that is missing",
    ],
    [join(folder, "backup"), `Did you mean ${made}?`],
    [join(folder, "nothing.db"), "There is no file"],
  ] as const) {
    expect([path, await failureOf(restore(target("refused"), [path]))]).toEqual([
      path,
      expect.stringContaining(reason),
    ]);
  }
  expect(existsSync(join(folder, "refused"))).toBe(false);
  expect(await failureOf(restore(databaseAt("postgres://a@b/c"), [made]))).toContain("Use pg_restore");
  expect(await failureOf(restore(target("refused"), []))).toBe("Usage: latchkey restore <file> [--check].");
});
