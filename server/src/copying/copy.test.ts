import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { sharedCluster } from "../../test/services.ts";
import { makeWorld, type World } from "../../test/world.ts";
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { openBulk } from "../storage/engines/bulk.ts";
import { migrateStorage, openStorage } from "../storage/open.ts";
import { type CopyOptions, copyEverything, resumeSource } from "./copy.ts";

setDefaultTimeout(60_000);

const cluster = await sharedCluster();
const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const options = (source: string, target: DatabaseAddress, more: Partial<CopyOptions> = {}): CopyOptions => ({
  source: databaseAt(source),
  target,
  copyCounters: async () => "",
  isStopRequested: () => false,
  progress: () => undefined,
  ...more,
});
let files = 0;
const newFile = (): DatabaseAddress & { kind: "file" } => {
  files += 1;
  return { kind: "file", path: join(folder, `copy${files}.db`) };
};
const newPostgres = async () => databaseAt(await cluster.makeBare());
const open = (database: DatabaseAddress) =>
  openStorage(database, { serving: true, connections: 4, monotonicMs: () => performance.now() });

/** Returns the message of the error with which the copy fails. */
const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it succeeded",
    (error: Error) => error.message,
  );

/** Runs a statement on a database. */
async function change(database: DatabaseAddress, statement: string): Promise<void> {
  const db = await openBulk(database);
  await db.rows(statement);
  await db.close();
}

const ends = (role: "source" | "target") => `update "copies" set "leaseUntilMs" = 0 where "role" = '${role}'`;

/** Adds rows to the tables that `makeWorld` leaves empty. */
async function fillEveryTable(
  server: TestServer,
  { apiId, key, workspaceId, rootKeyId }: World,
): Promise<void> {
  const call = async (operation: string, body: object, headers: Record<string, string> = {}) =>
    expect((await server.call(operation, body, { headers })).status).toBe(200);
  await call("rootKeys.deleteKey", { keyId: rootKeyId });
  await call("keys.createKey", { apiId, credits: { remaining: 5 } }, { "Idempotency-Key": "once" });
  const { keyId } = (await server.call("keys.createKey", { apiId, credits: { remaining: 5 } })).body.data;
  await call("keys.updateCredits", { keyId, operation: "increment", value: 3 });
  await call("keys.verifyKey", { key });
  await server.services.usage.lastUses(workspaceId, [keyId]); // stores all counts before it reads
  const db = await openBulk(databaseAt(server.databaseUrl));
  await db.rows(`insert into "consoleSessions" ("id", "workspaceId", "rootKeyId", "byLink", "createdAtMs", "seenAtMs")
    values ('hash', '${workspaceId}', '${rootKeyId}', 1, 2, 3)`);
  await db.rows(`insert into "upstreamDifferences" values ('${workspaceId}', 'code', 1, '[]')`);
  for (const table of ["usageHours", "usageDays"]) {
    await db.rows(`insert into "${table}" values (1, 2, 3, 4, 5, 6, 7, ${Number.MAX_SAFE_INTEGER})`);
  }
  await db.close();
}

describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))("a copy from $name", (engine) => {
  let server: TestServer;
  let world: World;

  beforeAll(async () => {
    server = await startTest({ engine });
    world = await makeWorld(server, "copied");
    await fillEveryTable(server, world);
  });
  afterAll(() => server.stop());

  const createIdentity = (externalId: string) => server.call("identities.createIdentity", { externalId });
  const resume = () => resumeSource(databaseAt(server.databaseUrl));

  test("has the same rows on the other engine, and again after a copy back", async () => {
    const there = engine.name === "postgres" ? newFile() : await newPostgres();
    const back = engine.name === "postgres" ? await newPostgres() : newFile();
    const first = await copyEverything(options(server.databaseUrl, there));
    expect(first.tables.filter(({ rows }) => rows === 0).map(({ name }) => name)).toEqual([]);
    const second = await copyEverything({ ...options(server.databaseUrl, back), source: there });
    expect(second.tables).toEqual(first.tables);
    await (await open(back)).close(); // a server can open it
    await resume();
  });

  test("leaves the source read-only until it is released: writes and verifications that spend are refused, other verifications are not", async () => {
    const { apiId } = world;
    const made = await server.call("keys.createKey", { apiId, credits: { remaining: 5 } });
    const free = await server.call("keys.createKey", { apiId });
    const verify = (key: string) => server.call("keys.verifyKey", { key });
    await copyEverything(options(server.databaseUrl, newFile()));
    const refused = await createIdentity("late");
    expectRefusal(refused, "service_unavailable");
    expect(refused.body.error.detail).toContain("usually takes a few minutes at most");
    expect(refused.headers.get("retry-after")).toBe("1");
    expectRefusal(await verify(made.body.data.key), "service_unavailable");
    expect((await verify(free.body.data.key)).body.data.valid).toBe(true);
    expect(await resume()).toBeGreaterThan(0);
    expect((await createIdentity("late")).status).toBe(200);
    expect((await verify(made.body.data.key)).body.data.credits).toBe(4);
    expect(await resume()).toBeUndefined();
  });

  test("refuses a target that is not empty, and says what it has", async () => {
    const full = await newPostgres();
    await copyEverything(options(server.databaseUrl, full));
    await resume();
    const again = copyEverything(options(server.databaseUrl, full));
    expect(await failureOf(again)).toMatch(/The target is not empty. It has these rows: 1 in workspaces, /);
    const other = await newPostgres();
    const client = new SQL(other.kind === "postgres" ? other.url : "", { max: 1 });
    await client.unsafe(`create table "invoices" ("id" int8)`);
    await client.close();
    expect(await failureOf(copyEverything(options(server.databaseUrl, other)))).toMatch(
      "The target has tables of another program: invoices.",
    );
    const itself = copyEverything(options(server.databaseUrl, databaseAt(server.databaseUrl)));
    expect(await failureOf(itself)).toMatch("The target and the source are the same database.");
    expect((await createIdentity("still-writable")).status).toBe(200);
  });

  test("that fails releases the source and leaves a target that serve refuses; when it is repeated, it starts from the beginning", async () => {
    for (const target of [await newPostgres(), newFile()]) {
      let batches = 0;
      const isStopRequested = () => {
        batches += 1;
        return batches > 8;
      };
      expect(
        await failureOf(copyEverything(options(server.databaseUrl, target, { isStopRequested }))),
      ).toMatch("The copy was stopped.");
      expect(await failureOf(open(target))).toMatch(/incomplete copy/);
      expect((await createIdentity(`after-${target.kind}`)).status).toBe(200);
      const place: DatabaseAddress =
        target.kind === "file" ? { kind: "file", path: `${target.path}.copying` } : target;
      const early = copyEverything(options(server.databaseUrl, target));
      expect(await failureOf(early)).toMatch(
        /Another copy to this target is running\. Wait until it has ended\. If it was killed, try again in \d+ seconds/,
      );
      await change(place, ends("target"));
      await copyEverything(options(server.databaseUrl, target));
      await (await open(target)).close();
      if (target.kind === "file") expect(existsSync(`${target.path}.copying`)).toBe(false);
      await resume();
    }
  });

  test("fails if its lease has ended, because the source may have accepted writes since", async () => {
    const target = newFile();
    const copyCounters = async () => {
      await change(databaseAt(server.databaseUrl), ends("source"));
      expect((await createIdentity("in-between")).status).toBe(200);
      return "";
    };
    const copied = copyEverything(options(server.databaseUrl, target, { copyCounters }));
    expect(await failureOf(copied)).toMatch("the source accepts writes again");
    expect(await failureOf(open(target))).toMatch(/incomplete copy/);
  });

  test("fails if a row in the target differs from the source", async () => {
    const target = await newPostgres();
    await migrateStorage(target);
    await change(
      target,
      `create function "spoil"() returns trigger language plpgsql as
        $body$ begin new."name" = new."name" || ' '; return new; end $body$`,
    );
    await change(
      target,
      `create trigger "spoil" before insert on "roles" for each row execute function "spoil"()`,
    );
    expect(await failureOf(copyEverything(options(server.databaseUrl, target)))).toMatch(
      /The table roles differs after the copy: the source has 1 rows with the digest \w+, the target 1 rows with /,
    );
    expect(await failureOf(open(target))).toMatch(/incomplete copy/);
  });
});
