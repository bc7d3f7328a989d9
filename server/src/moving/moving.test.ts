import { beforeEach, describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines, startTest, type TestEngine, type TestServer } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { recordingQueries } from "../../test/statements.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";
import { makeWorld } from "../../test/world.ts";
import { recoveryWith } from "../sealing.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { exportDocument } from "./exportDocument.ts";
import { type ImportOptions, importRecords, type Report } from "./importRecords.ts";
import { readDocument } from "./readDocument.ts";
import { readRecords } from "./storedRecords.ts";

const recoveryKey = Buffer.alloc(32, 7).toString("base64");
const config = { RECOVERY_KEY: recoveryKey };

/** The lines of a document of this workspace. */
async function exported(
  { services }: TestServer,
  workspaceId: string,
  parts = { rootKeys: false, audit: false },
): Promise<string[]> {
  const lines: string[] = [];
  const source = {
    db: services.engine.db,
    usage: undefined,
    workspace: { id: workspaceId, name: "default", timeZone: "UTC" },
    recoveryKey: "0123456789abcdef",
    nowMs: 1,
    warn: (sentence: string) => void lines.push(sentence),
  };
  for await (const line of exportDocument({ ...source, ...parts })) lines.push(line);
  return lines;
}

async function* chunksOf(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${lines.join("\n")}\n`);
}

async function imported(
  server: TestServer,
  workspaceId: string,
  lines: readonly string[],
  options: Partial<ImportOptions> = {},
): Promise<Report> {
  const { services, databaseUrl } = server;
  const { entries } = await readDocument(chunksOf(lines));
  const usage = await openUsageDatabase(databaseAt(databaseUrl));
  const target = {
    engine: services.engine,
    workspaceId,
    usage,
    newId: services.newId,
    now: services.now,
    actorId: "latchkey import",
  };
  const rules = { dryRun: false, replace: false, rootKeys: false, reseal: (sealed: string) => sealed };
  try {
    return await importRecords(target, entries, { ...rules, ...options });
  } finally {
    await usage.close();
    services.caches.clear(); // as a server does when a command has changed its database
  }
}

const withoutHeader = (lines: readonly string[]) => lines.slice(1);

function total(report: Report): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of Object.values(report.counts)) {
    for (const [kind, count] of Object.entries(counts)) {
      if (count > 0) sums[kind] = (sums[kind] ?? 0) + count;
    }
  }
  return sums;
}

const bcryptOfOther = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/** Creates a workspace with records of every type, in every state that the API can create. */
async function makeEverything(server: TestServer): Promise<{ workspace: Workspace; keys: string[] }> {
  const workspace = await makeWorkspace(server);
  const { data } = workspace;
  const owner = { workspaceId: workspace.id, rootKey: workspace.rootKey };
  const world = await makeWorld(server, "one", owner);
  const other = await makeWorld(server, "two", owner);
  const { apiId } = world;
  const make = async (body: object) =>
    (await data("keys.createKey", { apiId, ...body })) as { keyId: string; key: string };
  const keys = await Promise.all([
    make({ recoverable: true, name: "recoverable", meta: { text: "é😀 ' \" \\ \u2028" } }),
    make({ enabled: false }),
    make({ expires: server.clock.nowMs + 1000 }),
    make({ expires: server.clock.nowMs + 86_400_000, ipAllowList: ["192.0.2.0/24"] }),
    make({ credits: { remaining: 2 } }),
    make({ credits: { remaining: 5, refill: { interval: "monthly", amount: 10, refillDay: 31 } } }),
    make({
      externalId: world.externalId,
      quotas: [
        {
          name: "calls",
          limit: 2,
          period: "day",
          autoApply: true,
          timeZone: "Europe/Berlin",
          thresholds: [50],
        },
      ],
    }),
    make({ roles: [other.roleName], externalId: "fresh" }),
    make({ ratelimits: [{ name: "few", limit: 1, duration: 60_000, autoApply: true }] }),
  ]);
  const [, , , , spent, , , , limited] = keys;
  await data("keys.verifyKey", { key: spent?.key });
  await data("keys.rerollKey", { keyId: spent?.keyId, expiration: 60_000 });
  await data("keys.updateKey", { keyId: limited?.keyId, name: "changed" });
  const deleted = await make({});
  await data("keys.deleteKey", { keyId: deleted.keyId });
  const hash = server.services.hashKey("moved_abc_secret");
  await data("keys.migrateKeys", { migrationId: world.migrationId, apiId, keys: [{ hash }] });
  await data("apis.updateApi", {
    apiId,
    deleteProtection: true,
    ipAllowList: ["0.0.0.0/0"],
    defaultPrefix: "pay",
  });
  await data("quotas.grant", { identity: world.externalId, name: "requests", amount: 50, reason: "thanks" });
  const gone = await data("permissions.createPermission", { name: "gone", slug: "gone" });
  await data("keys.addPermissions", { keyId: limited?.keyId, permissions: ["gone", "kept"] });
  await data("permissions.deletePermission", { permission: gone.permissionId });
  await data("identities.createIdentity", { externalId: "left" });
  await make({ externalId: "left" });
  await data("identities.deleteIdentity", { identity: "left" });
  await server.services.engine.transaction((tx) =>
    tx
      .updateTable("keys")
      .set({ hash: `upstream:${keys[1]?.keyId}`, pendingMigrationId: "upstream" })
      .where("id", "=", keys[1]?.keyId ?? "")
      .execute(),
  );
  await server.services.engine.transaction((tx) =>
    tx
      .updateTable("keys")
      .set({ hash: bcryptOfOther, start: "old", pendingMigrationId: "oldHash" })
      .where("id", "=", keys[2]?.keyId ?? "")
      .execute(),
  );
  const all = [world.key, other.key, "moved_abc_secret", deleted.key, ...keys.map(({ key }) => key)];
  return { workspace, keys: all };
}

/** What verifications of these keys return, without the ids of the requests. */
async function verdicts({ call }: Pick<Workspace, "call">, keys: readonly string[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const key of keys) {
    for (const ip of ["192.0.2.7", "198.51.100.1"]) {
      const { body } = await call("keys.verifyKey", { key, ip, permissions: "one.read OR kept OR two.read" });
      found.push(body.data);
    }
  }
  return found;
}

async function withServers(
  [from, to]: readonly [TestEngine, TestEngine],
  work: (source: TestServer, target: TestServer) => Promise<void>,
): Promise<void> {
  const source = await startTest({ engine: from, config });
  const target = await startTest({ engine: to, config });
  try {
    await work(source, target);
  } finally {
    await source.stop();
    await target.stop();
  }
}

const files = engines.filter(({ name }) => name !== "sqlite in memory");
const pairs = files.flatMap((from) => files.map((to) => ({ from, to, name: `${from.name} to ${to.name}` })));

describe.each(pairs)("from $name,", ({ from, to }) => {
  test("an imported document is exported unchanged, its keys get the same verdicts, and importing it again changes nothing", async () => {
    await withServers([from, to], async (source, target) => {
      const { workspace, keys } = await makeEverything(source);
      const lines = await exported(source, workspace.id);
      const report = await imported(target, target.workspaceId, lines);
      expect([total(report), report.refusals]).toEqual([{ created: lines.length - 2 }, []]);
      const first = await exported(target, target.workspaceId, { rootKeys: true, audit: true });
      expect(withoutHeader(await exported(target, target.workspaceId))).toEqual(withoutHeader(lines));

      const again = await imported(target, target.workspaceId, lines);
      expect(total(again)).toEqual({ unchanged: lines.length - 2 });
      expect(await exported(target, target.workspaceId, { rootKeys: true, audit: true })).toEqual(first);
      expect(first.filter((line) => line.includes("workspace.import")).length).toBe(1);

      const before = await verdicts(workspace, keys);
      expect(before.length).toBeGreaterThan(20);
      expect(await verdicts({ call: target.call }, keys)).toEqual(before);
    });
  });
});

describe.each(files)("on $name,", (engine) => {
  const server = testServer({ engine, config });
  const workspace = testWorkspace(server);
  const hash = (key: string) => server.services.hashKey(key);

  /** The lines of a document with these records. */
  const documentOf = (records: readonly object[]) => [
    JSON.stringify({
      format: "latchkey",
      version: 1,
      createdAtMs: 1,
      workspace: { id: "ws_other", name: "other" },
      recoveryKey: null,
    }),
    ...records.map((record) => JSON.stringify(record)),
    JSON.stringify({ type: "end", records: records.length }),
  ];
  const run = (records: readonly object[], options: Partial<ImportOptions> = {}) =>
    imported(server, workspace.id, documentOf(records), options);
  const created = { createdAtMs: 1 };
  const apiRecord = { type: "api", id: "api_of_document", name: "payments", ...created };
  const keyRecord = (name: string, fields: object = {}) => ({
    type: "key",
    id: `key_${workspace.id}_${name}`,
    apiId: apiId(),
    hash: hash(name),
    ...created,
    ...fields,
  });
  let ownApi = "";
  const apiId = () => ownApi;
  beforeEach(async () => {
    ownApi = (await workspace.data("apis.createApi", { name: "payments" })).apiId;
  });
  const reasons = (report: Report) => report.refusals.map(({ line, reason }) => [line, reason]);

  test("a dry run reports what an import would do, and writes nothing", async () => {
    const identity = { type: "identity", id: "id_dry_run", externalId: "bob", ...created };
    const document = [
      identity,
      keyRecord("fine", { identityId: identity.id }),
      keyRecord("lost", { identityId: "id_none" }),
    ];
    const before = await exported(server, workspace.id, { rootKeys: true, audit: true });
    const dry = await run(document, { dryRun: true });
    expect(await exported(server, workspace.id, { rootKeys: true, audit: true })).toEqual(before);
    expect(await run(document)).toEqual(dry);
    expect(total(dry)).toEqual({ created: 2, refused: 1 });
    expect(reasons(dry)).toEqual([[4, expect.stringContaining("identityId refers to id_none")]]);
  });

  test("records that exist are kept unless --replace is given", async () => {
    const { keyId, key } = await workspace.data("keys.createKey", {
      apiId: ownApi,
      name: "mine",
      credits: { remaining: 5 },
      ratelimits: [{ name: "calls", limit: 1, duration: 60_000, autoApply: true }],
    });
    const document = [{ type: "key", id: keyId, apiId: ownApi, hash: hash(key), name: "theirs", ...created }];
    const kept = await run(document);
    expect(total(kept)).toEqual({ kept: 1 });
    expect(reasons(kept)).toEqual([[2, expect.stringContaining("--replace")]]);
    expect(await workspace.data("keys.getKey", { keyId })).toMatchObject({
      name: "mine",
      credits: { remaining: 5 },
    });

    expect(total(await run(document, { replace: true }))).toEqual({ changed: 1 });
    const replaced = await workspace.data("keys.getKey", { keyId });
    expect(replaced).toMatchObject({ name: "theirs" });
    expect([replaced.credits, replaced.ratelimits]).toEqual([undefined, undefined]);
    expect(total(await run(document, { replace: true }))).toEqual({ unchanged: 1 });
  });

  test("a deleted key and a revoked root key do not come back, even with --replace", async () => {
    const { keyId, key } = await workspace.data("keys.createKey", { apiId: ownApi });
    const rootKey = await workspace.data("rootKeys.createKey", { permissions: ["*"] });
    const lines = await exported(server, workspace.id, { rootKeys: true, audit: false });
    await workspace.data("keys.deleteKey", { keyId });
    await workspace.data("rootKeys.deleteKey", { keyId: rootKey.keyId });
    const report = await imported(server, workspace.id, lines, { rootKeys: true, replace: true });
    expect(report.refusals.map(({ reason }) => reason)).toEqual([
      "it was deleted in this workspace, and stays deleted",
      "it was revoked on this server, and stays revoked",
    ]);
    expect((await workspace.data("keys.verifyKey", { key })).code).toBe("NOT_FOUND");
  });

  test("an id, a subject or a root key's hash that another workspace has is refused without naming that workspace", async () => {
    const other = await makeWorkspace(server);
    const theirs = await other.data("apis.createApi", { name: "theirs" });
    const key = await other.data("keys.createKey", {
      apiId: theirs.apiId,
      credits: { remaining: 1 },
      ratelimits: [{ name: "calls", limit: 1, duration: 60_000 }],
    });
    const [limit] = (await other.data("keys.getKey", { keyId: key.keyId })).ratelimits;
    const ratelimits = [{ id: limit.id, name: "calls", limit: 9, durationMs: 60_000 }];
    const before = await exported(server, other.id);
    const report = await run(
      [
        { ...apiRecord, id: theirs.apiId },
        keyRecord("1", { ratelimits }),
        keyRecord("2", { subjectId: key.keyId }),
        { type: "rootKey", id: "root_1", hash: hash(other.rootKey), permissions: ["*"], ...created },
      ],
      { rootKeys: true, replace: true },
    );
    expect(total(report)).toEqual({ refused: 4 });
    for (const { reason } of report.refusals) {
      expect(reason).toContain("is already used in this database");
      expect([reason.includes(other.id), reason.includes(key.keyId)]).toEqual([false, false]);
    }
    expect(await exported(server, other.id)).toEqual(before);
  });

  test("a record of the workspace with the same unique name is used in place of the document's record", async () => {
    const mine = await workspace.data("permissions.createPermission", { name: "read", slug: "read" });
    await workspace.data("identities.createIdentity", { externalId: "bob" });
    const report = await run([
      { type: "permission", id: "perm_theirs", name: "read", slug: "read", ...created },
      { type: "identity", id: "id_theirs", externalId: "bob", ...created },
      keyRecord("named", { permissions: ["perm_theirs"], identityId: "id_theirs" }),
    ]);
    expect(total(report)).toEqual({ kept: 2, created: 1 });
    expect(report.refusals[0]?.reason).toContain(mine.permissionId);
    const verdict = await workspace.data("keys.verifyKey", { key: "named", permissions: "read" });
    expect(verdict).toMatchObject({ code: "VALID", identity: { externalId: "bob" } });
  });

  test("root keys are imported only with `rootKeys`, and a permission in another workspace is refused", async () => {
    const rootKey = (name: string, permission: string) => ({
      type: "rootKey",
      id: `root_${name}_${workspace.id}`,
      hash: hash(`${name}${workspace.id}`),
      permissions: [permission],
      ...created,
    });
    const document = [rootKey("a", "api.*.read_api"), rootKey("b", `unkey:v1:ws_else:apis/*#read_api`)];
    expect(total(await run(document))).toEqual({ omitted: 2 });
    const report = await run(document, { rootKeys: true });
    expect(total(report)).toEqual({ created: 1, refused: 1 });
    expect(report.refusals[0]?.reason).toContain("is for the workspace ws_else");
  });

  test("a root key with a permission in a keyspace is imported, also in a dry run, unless the keyspace is unknown", async () => {
    const api = {
      type: "api",
      id: `api_in${workspace.id}`,
      name: "moved",
      keyspaceId: "ks_moved",
      ...created,
    };
    const rootKey = (name: string, keyspaceId: string) => ({
      type: "rootKey",
      id: `root_${name}_${workspace.id}`,
      hash: hash(`${name}${workspace.id}`),
      permissions: [`unkey:v1:*:keyspaces/${keyspaceId}#create_key`],
      ...created,
    });
    const document = [api, rootKey("a", "ks_moved"), rootKey("b", "ks_none")];
    for (const dryRun of [true, false]) {
      const report = await run(document, { rootKeys: true, dryRun });
      expect(total(report)).toEqual({ created: 2, refused: 1 });
      expect(report.refusals[0]?.reason).toContain("names the keyspace ks_none");
    }
    const call = (apiId: string) =>
      workspace.call("keys.createKey", { apiId }, { rootKey: `a${workspace.id}` });
    expect([(await call(api.id)).status, (await call(ownApi)).status]).toEqual([200, 404]);
    expect(total(await run(document.slice(0, 2), { rootKeys: true }))).toEqual({ unchanged: 2 });
    const twin = { ...api, id: `api_twin${workspace.id}` };
    expect((await run([twin])).refusals[0]?.reason).toContain("in the workspace has the same keyspaceId");
  });

  test("a migration cannot have the id `oldHash` or `upstream`, which are reserved", async () => {
    for (const id of ["oldHash", "upstream"]) {
      const migration = { type: "migration", id, algorithm: "sha256", createdAtMs: 1 };
      const error: unknown = await run([migration]).catch((thrown: unknown) => thrown);
      expect(String(error)).toContain("id: is reserved for keys that wait without a migration");
    }
  });

  test("looking up records by an empty list of ids runs no statement", async () => {
    const { db } = server.services.engine;
    for (const [ids, statements] of [
      [[], 0],
      [["mov_1"], 1],
    ] as const) {
      const recorded: CompiledQuery[] = [];
      expect(await readRecords(recordingQueries(db, recorded), workspace.id, "movement", { ids })).toEqual(
        [],
      );
      expect(recorded).toHaveLength(statements);
    }
  });

  test("recoverable keys are imported if this server can decrypt them, or as not recoverable", async () => {
    const sealed = recoveryWith(Buffer.alloc(32, 1).toString("base64")).seal("recoverable");
    const document = [keyRecord("recoverable", { sealed })];
    expect(total(await run(document, { reseal: () => undefined }))).toEqual({ refused: 1 });
    expect(total(await run(document, { reseal: () => null }))).toEqual({ created: 1 });
    expect((await workspace.data("keys.verifyKey", { key: "recoverable" })).code).toBe("VALID");
  });
});
