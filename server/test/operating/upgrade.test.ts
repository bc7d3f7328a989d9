/**
 * Tests what docs/operating/upgrade.md says: older nodes keep working after a newer version has migrated their
 * database.
 */
import { expect, test } from "bun:test";
import { SQL } from "bun";
import { operations } from "../../src/operations/index.ts";
import { everything, postgres } from "../harness.ts";
import { testServer } from "../setUp.ts";
import { exampleIn, makeWorld } from "../world.ts";

// With few connections, calls after the migration run statements that their connection prepared before the migration.
const server = testServer({
  engine: postgres,
  config: { DATABASE_CONNECTIONS: "4", ALLOW_LOCAL_COUNTERS: "true" },
});

/** Calls every operation with its example, each with records of its own. Returns the statuses. */
async function statusesOf(round: string): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  const failures: string[] = [];
  const workspaceId = await server.makeWorkspace();
  const owner = { workspaceId, rootKey: await server.makeRootKey(everything, { workspaceId }) };
  for (const [index, operation] of operations.entries()) {
    const world = await makeWorld(server, `${round}${index}`, owner);
    const call = () => server.call(operation.name, exampleIn(operation, world), owner);
    statuses[operation.name] = (await call()).status;
    // repeated, so that every connection runs it and prepares the statements
    const again = await Promise.all(Array.from({ length: 12 }, call));
    failures.push(
      ...again.filter(({ status }) => status >= 500).map(({ text }) => `${operation.name}: ${text}`),
    );
  }
  expect(failures).toEqual([]);
  return statuses;
}

test("a newer version's new columns, tables and indexes do not disturb running nodes", async () => {
  const before = await statusesOf("first");
  const sql = new SQL(server.databaseUrl, { max: 1 });
  const tables = await sql.unsafe(`select tablename as "name" from pg_tables where schemaname = 'public'`);
  expect(tables.length).toBeGreaterThan(10);
  for (const { name } of tables) {
    await sql.unsafe(`alter table "${name}" add column "ofTheNextVersion" text collate "C"`);
    await sql.unsafe(`create index on "${name}" ("ofTheNextVersion")`);
  }
  await sql.unsafe(`create table "nextVersion" ("id" text primary key)`);
  await sql.unsafe(`insert into "migrations" ("name") values ('9999_next')`);
  await sql.close();

  expect(await statusesOf("second")).toEqual(before);
}, 60_000);
