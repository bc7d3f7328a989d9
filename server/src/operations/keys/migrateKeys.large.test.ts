import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { expectUndisturbed, type Subject, watch } from "../../../test/bystander.ts";
import { engines, startTest, type TestEngine, type TestServer } from "../../../test/harness.ts";
import { callServer, newFolder, runProgram, type Serving, startServing } from "../../../test/program.ts";
import { recordStatements } from "../../../test/statements.ts";
import { dump } from "../../../test/tables.ts";
import { until } from "../../../test/until.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";
import { type Engine, StorageError } from "../../storage/engine.ts";
import { type Algorithm, insertMigration } from "../../storage/queries/keys/migrations.ts";

const digest = (text: string) => createHash("sha256").update(text).digest("base64url");
const five = [1, 2, 3, 4, 5];
const keysUpTo = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    hash: digest(`sk_${index}`),
    externalId: `user_${index}`,
    permissions: five.map((one) => `permission.${one}`),
    ratelimits: five.map((one) => ({ name: `limit${one}`, limit: 10, duration: 60_000 })),
    credits: { remaining: 9 },
  }));

/** The engine, except that its `nth` transaction fails: the disk is full, or the connection is lost at the commit. */
function failing(engine: Engine, nth: number, how: "full" | "lost before" | "lost after"): Engine {
  let count = 0;
  return {
    ...engine,
    async transaction(work, options) {
      count += 1;
      if (count !== nth) return engine.transaction(work, options);
      const last = engine.transaction(async (tx) => {
        const result = await work(tx);
        if (how === "lost after") return result;
        throw new StorageError(how === "full" ? "full" : "lost", "For the test.");
      }, options);
      await last;
      throw new StorageError("lost", "For the test.");
    },
  };
}

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let real: Engine;
  let space: Workspace;
  let apiId: string;
  let migrationId: string;
  beforeAll(async () => {
    server = await startTest({ engine });
    real = server.services.engine;
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    server.services.engine = real;
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    migrationId = await makeMigration("sha256");
  });
  const makeMigration = async (algorithm: Algorithm) => {
    const { nowMs } = server.clock;
    const id = server.services.newId("mig");
    await real.transaction((tx) => insertMigration(tx, { id, workspaceId: space.id, algorithm, nowMs }));
    return id;
  };
  const migrate = (keys: object[], headers = {}) =>
    space.call("keys.migrateKeys", { migrationId, apiId, keys }, { headers });
  const state = () => dump(real.db, space.id);
  const countOf = async () => {
    const { keys = [], ratelimits = [], keyPermissions = [], balances = [], identities = [] } = await state();
    return [keys, ratelimits, keyPermissions, balances, identities].map(({ length }) => length);
  };
  const rowsFor = (keys: number) => [keys, 5 * keys, 5 * keys, keys, keys];

  test("10,000 keys with five limits and five permissions each are migrated by one call, which delays no other request", async () => {
    const { key } = await space.data("keys.createKey", { apiId });
    const { key: spendingKey } = await space.data("keys.createKey", {
      apiId,
      credits: { remaining: 1_000_000 },
    });
    const subject: Subject = { url: server.url, pid: process.pid, rootKey: space.rootKey, key, spendingKey };
    const body = JSON.stringify({ migrationId, apiId, keys: keysUpTo(10_000) });
    const headers = { "Idempotency-Key": "all" };
    let text = "";
    const impact = await watch(subject, async () => {
      const response = await fetch(`${server.url}/v2/keys.migrateKeys`, {
        method: "POST",
        headers: { ...headers, Authorization: `Bearer ${space.rootKey}`, "Content-Type": "application/json" },
        body,
      });
      text = await response.text();
    });
    const { data } = JSON.parse(text);
    expect([data.migrated.length, data.failed]).toEqual([10_000, []]);
    // most of the memory that the server may take is garbage, which the collector frees late on a busy machine
    expectUndisturbed(impact, { computedMs: 100, grownBytes: 800 * 1024 * 1024 });
    expect(await space.data("keys.verifyKey", { key: "sk_9999" })).toMatchObject({
      code: "VALID",
      keyId: data.migrated[9_999].keyId,
      permissions: five.map((one) => `permission.${one}`),
    });
  }, 180_000);

  test("a migration takes less than one statement for each key, and no transaction more than a few keys", async () => {
    const recorded = { ...real };
    const statements = recordStatements(recorded);
    const written: number[] = [];
    server.services.engine = {
      ...recorded,
      async transaction(work, options) {
        const result = await recorded.transaction(work, options);
        const count = statements.length;
        const { keys = [] } = await state();
        statements.splice(count); // removes the statements of the test itself
        written.push(keys.length);
        return result;
      },
    };
    expect((await migrate(keysUpTo(400))).body.data.migrated).toHaveLength(400);
    expect(statements.length).toBeLessThan(400);
    const perTransaction = written.map((count, index) => count - (written[index - 1] ?? 0));
    expect(Math.max(...perTransaction)).toBeLessThanOrEqual(25);
  }, 30_000);

  test.each(["full", "lost before", "lost after"] as const)(
    "a migration whose third transaction fails (%s) leaves whole keys only, and a repeat completes it",
    async (how) => {
      const keys = keysUpTo(100);
      const headers = { "Idempotency-Key": "all" };
      server.services.engine = failing(real, 3, how);
      const first = await migrate(keys, headers);
      server.services.engine = real;
      expect(first.status).toBe(how === "lost after" ? 200 : 503);
      const [stored = 0, ...others] = await countOf();
      expect([stored, ...others]).toEqual(rowsFor(stored));
      if (how !== "lost after") expect([stored > 0, stored < 100]).toEqual([true, true]);
      const { keys: before = [] } = await state();
      const second = await migrate(keys, headers);
      expect([second.status, second.body.data.failed]).toEqual([200, []]);
      expect(second.body.data.migrated.map(({ hash }: { hash: string }) => hash)).toEqual(
        keys.map(({ hash }) => hash),
      );
      expect(await countOf()).toEqual(rowsFor(100));
      expect((await state())["keys"]).toEqual(expect.arrayContaining(before));
      const third = await migrate(keys, headers);
      expect([third.text, third.headers.get("idempotent-replayed")]).toEqual([second.text, "true"]);
    },
  );

  test("a migration that is repeated without an Idempotency-Key changes nothing and returns the same keys", async () => {
    const keys = [...keysUpTo(100), { hash: digest("sk_5"), name: "a second one with this hash" }];
    const first = await migrate(keys);
    expect(first.body.data.failed).toEqual([digest("sk_5")]);
    const before = await state();
    expect((await migrate(keys)).body.data).toEqual(first.body.data);
    expect(await state()).toEqual(before);
  });

  test("a key that was migrated from another item, by another migration, or deleted since counts as failed", async () => {
    const [key, other, third] = keysUpTo(3);
    if (key === undefined || other === undefined || third === undefined) throw new Error("three keys");
    const { keyId } = (await migrate([key, other, third])).body.data.migrated[0];
    await space.data("keys.deleteKey", { keyId });
    const changed = { ...other, name: "changed" };
    expect((await migrate([key, changed])).body.data).toEqual({
      migrated: [],
      failed: [key.hash, other.hash],
    });
    migrationId = await makeMigration("sha256");
    expect((await migrate([third])).body.data).toEqual({ migrated: [], failed: [third.hash] });
  });

  test("a prefixed key that has been verified since is not migrated again by a repeated call", async () => {
    migrationId = await makeMigration("github.com/seamapi/prefixed-api-key");
    const keys = [{ hash: digest("51FwqftsmMDHHbJAMEXXHCgG") }];
    const first = await migrate(keys);
    const key = "my_company_BRTRKFsL_51FwqftsmMDHHbJAMEXXHCgG";
    expect(await space.data("keys.verifyKey", { key, migrationId })).toMatchObject({ code: "VALID" });
    expect((await migrate(keys)).body.data).toEqual(first.body.data);
    expect(await countOf()).toEqual([1, 0, 0, 0, 0]);
  });

  test("an Idempotency-Key of a migration is refused with another body", async () => {
    const headers = { "Idempotency-Key": "all" };
    await migrate(keysUpTo(1), headers);
    const before = await state();
    const reply = await migrate(keysUpTo(2), headers);
    expect([reply.status, reply.body.error.type]).toEqual([
      422,
      expect.stringMatching(/idempotency_key_reused$/),
    ]);
    expect(await state()).toEqual(before);
  });

  test("two migrations of the same keys at once create each key once and return the same", async () => {
    const keys = keysUpTo(100);
    const headers = { "Idempotency-Key": "all" };
    const replies = await Promise.all([
      migrate(keys, headers),
      migrate(keys, headers),
      migrate(keys.toReversed()),
    ]);
    expect(replies.map(({ status, body }) => [status, body.data?.failed])).toEqual(Array(3).fill([200, []]));
    const ids = replies.map(({ body }) => body.data.migrated.map(({ keyId }: { keyId: string }) => keyId));
    expect(ids[1]).toEqual(ids[0]);
    expect(ids[2].toReversed()).toEqual(ids[0]);
    expect(await countOf()).toEqual(rowsFor(100));
  });
});

const lasting = engines.filter(({ name }) => name !== "sqlite in memory");

describe.each(lasting)("on $name, a server that is killed during a migration", (engine: TestEngine) => {
  const rootKey = "root-key-of-the-migration-test-0123456789";
  let databaseUrl: string;
  let server: Serving;
  afterAll(async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    await engine.drop?.(databaseUrl);
  });

  test("leaves whole keys only, and a repeated call completes the rest", async () => {
    databaseUrl = await engine.url(newFolder());
    const env = { DATABASE_URL: databaseUrl, LATCHKEY_ROOT_KEY: rootKey, ALLOW_LOCAL_COUNTERS: "true" };
    const keys = keysUpTo(3_000);
    const call = (operation: string, body: object) => callServer(server.url, rootKey, operation, body);
    const stored = async (apiId: string) => {
      const rows: { permissions: unknown[]; ratelimits: unknown[]; credits: object; identity: object }[] = [];
      for (let cursor: string | undefined; ; ) {
        const { data, pagination } = (await call("apis.listKeys", { apiId, cursor })).body;
        rows.push(...data);
        if (!pagination.hasMore) return rows;
        cursor = pagination.cursor;
      }
    };
    server = await startServing({ env });
    const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
    const { stdout } = await runProgram(["migration", "create", "--algorithm", "sha256"], { env });
    const migrationId = /mig_\w+/.exec(stdout)?.[0];
    const cut = call("keys.migrateKeys", { migrationId, apiId, keys }).catch(() => undefined);
    await until(async () => (await call("apis.listKeys", { apiId, limit: 100 })).body.data.length > 50);
    server.child.kill("SIGKILL");
    await Promise.all([server.ended, cut]);

    server = await startServing({ env });
    const left = await stored(apiId);
    expect([left.length > 0, left.length < 3_000]).toEqual([true, true]);
    const parts = left.map((key) => [
      key.permissions.length,
      key.ratelimits.length,
      key.credits,
      "identity" in key,
    ]);
    expect(new Set(parts.map((part) => JSON.stringify(part)))).toEqual(
      new Set([JSON.stringify([5, 5, { remaining: 9 }, true])]),
    );
    const { data } = (await call("keys.migrateKeys", { migrationId, apiId, keys })).body;
    expect([data.migrated.length, data.failed]).toEqual([3_000, []]);
    expect(await stored(apiId)).toHaveLength(3_000);
  }, 60_000);
});
