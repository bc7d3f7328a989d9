import { beforeEach, describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { config, exported, imported, persistentEngines, total } from "../../test/moving.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { recordingQueries } from "../../test/statements.ts";
import { makeWorkspace } from "../../test/workspace.ts";
import { recoveryWith } from "../sealing.ts";
import type { ImportOptions, Report } from "./importRecords.ts";
import { readRecords } from "./storedRecords.ts";

describe.each(persistentEngines)("on $name,", (engine) => {
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
      "it was revoked on this server, and stays revoked: create a new root key",
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
