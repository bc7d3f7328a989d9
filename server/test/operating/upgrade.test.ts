/** docs/operating/upgrade.md: nodes of the version before go on while a newer one has migrated their database. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SQL } from "bun";
import { operations } from "../../src/operations/index.ts";
import { postgres, startTest, type TestServer } from "../harness.ts";
import { exampleIn, makeWorld } from "../world.ts";

let server: TestServer;
beforeAll(async () => {
  // few connections: each has prepared what it is asked again
  server = await startTest({
    engine: postgres,
    config: { DATABASE_CONNECTIONS: "4", ALLOW_LOCAL_COUNTERS: "true" },
  });
});
afterAll(() => server.stop());

/** What every operation answers to its example, each in a world of its own. */
async function answersOf(round: string): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  const faults: string[] = [];
  const workspaceId = await server.makeWorkspace();
  const owner = { workspaceId, rootKey: await server.makeRootKey(["*"], { workspaceId }) };
  for (const [index, operation] of operations.entries()) {
    const world = await makeWorld(server, `${round}${index}`, owner);
    const call = () => server.call(operation.name, exampleIn(operation, world), owner);
    statuses[operation.name] = (await call()).status;
    // over every connection: what was prepared on one is not on another
    const again = await Promise.all(Array.from({ length: 12 }, call));
    faults.push(
      ...again.filter(({ status }) => status >= 500).map(({ text }) => `${operation.name}: ${text}`),
    );
  }
  expect(faults).toEqual([]);
  return statuses;
}

test("a newer version's new columns, tables and indexes disturb no node that runs", async () => {
  const before = await answersOf("first");
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

  expect(await answersOf("second")).toEqual(before);
}, 60_000);
