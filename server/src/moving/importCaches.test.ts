import { describe, expect, test } from "bun:test";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { until } from "../../test/until.ts";
import { monotonicMs } from "../runtime.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { openStorage } from "../storage/open.ts";
import { importRecords } from "./importRecords.ts";
import { type Entry, parseRecord } from "./parseRecord.ts";

const persistentEngines = engines.filter(({ name }) => name !== "sqlite in memory"); // no other process can import into memory

describe.each(persistentEngines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const workspace = testWorkspace(server);
  const other = testWorkspace(server);

  /** Imports these records as `latchkey import --replace` does, with connections of its own. */
  async function importByCommand(records: readonly object[]) {
    async function* entries(): AsyncGenerator<Entry> {
      for (const [index, record] of records.entries()) yield { ...parseRecord(record), line: index + 2 };
    }
    const database = databaseAt(server.databaseUrl);
    const command = await openStorage(database, { serving: false, connections: 4, monotonicMs });
    const usage = await openUsageDatabase(database);
    const { newId, now } = server.services;
    const target = { engine: command, workspaceId: workspace.id, usage, newId, now, actorId: "import" };
    try {
      const rules = { dryRun: false, replace: true, rootKeys: false, reseal: () => undefined };
      return await importRecords(target, entries(), rules);
    } finally {
      await usage.close();
      await command.close();
    }
  }

  test("an import evicts what it changes from the caches of a server, and nothing else", async () => {
    const makeKey = async ({ data }: typeof workspace) => {
      const { apiId } = await data("apis.createApi", { name: "payments" });
      return { apiId, ...(await data("keys.createKey", { apiId })) };
    };
    const [changed, unchanged] = [await makeKey(workspace), await makeKey(other)];
    const code = async ({ data }: typeof workspace, { key }: { key: string }) =>
      (await data("keys.verifyKey", { key })).code;
    expect([await code(workspace, changed), await code(other, unchanged)]).toEqual(["VALID", "VALID"]);
    const { apiId, keyId, key } = changed;
    const hash = server.services.hashKey(key);
    const record = { type: "key", id: keyId, apiId, hash, enabled: false, createdAtMs: 1 };
    expect((await importByCommand([record])).counts.key?.changed).toBe(1);
    await until(async () => (await code(workspace, changed)) === "DISABLED");
    const { misses } = server.services.caches.keys.uses();
    await Bun.sleep(1_000); // by then, the import has emptied SQLite's write-ahead log, and the server has noticed that
    expect(await code(other, unchanged)).toBe("VALID");
    expect(server.services.caches.keys.uses().misses).toBe(misses);
  });

  test("a cached key gets its identity back when an import creates it again", async () => {
    const { data } = workspace;
    const { apiId } = await data("apis.createApi", { name: "payments" });
    const { identityId } = await data("identities.createIdentity", { externalId: "bob" });
    const { key } = await data("keys.createKey", { apiId, externalId: "bob" });
    const owner = async () => (await data("keys.verifyKey", { key })).identity?.externalId;
    expect(await owner()).toBe("bob");
    await data("identities.deleteIdentity", { identity: "bob" });
    expect(await owner()).toBeUndefined();
    await importByCommand([{ type: "identity", id: identityId, externalId: "bob" }]);
    await until(async () => (await owner()) === "bob");
  });

  test("a cached key gets the balance that a new key of the same subject brings", async () => {
    const { data } = workspace;
    const { apiId } = await data("apis.createApi", { name: "payments" });
    const { key, keyId } = await data("keys.createKey", { apiId });
    const code = async () => (await data("keys.verifyKey", { key })).code;
    expect(await code()).toBe("VALID");
    const hash = server.services.hashKey(`rerolled${workspace.id}`);
    const rerolled = { type: "key", id: `key_${workspace.id}`, apiId, hash, subjectId: keyId };
    await importByCommand([{ ...rerolled, balance: { remaining: 0 } }]);
    await until(async () => (await code()) === "USAGE_EXCEEDED", 5_000);
  });
});
