import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OperationNode } from "kysely";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { type Field, fieldsOf, type JsonSchema, type Path, typesOf, withValue } from "../../test/schemas.ts";
import { rawSql, recording, recordStatements, unboundTables } from "../../test/statements.ts";
import { dump, tablesOf } from "../../test/tables.ts";
import { exampleIn, type Kind, makeWorld, type World } from "../../test/world.ts";
import { counterKey, type Window } from "../counters/counters.ts";
import { encodeCursor } from "../domain/cursor.ts";
import { addUsage, queryLastUses, queryUsage } from "../events/usageStore.ts";
import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { operations } from "../operations/index.ts";
import { openUsageDatabase } from "./engines/usage.ts";

const allKinds: readonly Kind[] = [
  "apiId",
  "keyId",
  "key",
  "identityId",
  "externalId",
  "permissionId",
  "slug",
  "roleId",
  "roleName",
  "namespaceId",
  "namespace",
  "migrationId",
];

/** What a permission can be given for. */
const ownedKinds: readonly Kind[] = ["apiId", "keyId", "identityId", "namespaceId"];

/** What of an answer may differ between two servers that know the same. */
function comparable(text: string): string {
  return text
    .replace(/\b([a-z]{2,8})_[0-9A-Za-z]{22}\b/g, "$1_*")
    .replace(/"(key|start)":"[^"]*"/g, '"$1":"*"')
    .replace(/cursor_[\w-]+/g, "cursor_*")
    .replace(/127\.0\.0\.1:\d+/g, "host");
}

type Side = { server: TestServer; own: World };

/** Two servers with the same workspace; on the first there is another one, too. */
async function twoServers() {
  const sides: Side[] = [];
  for (let i = 0; i < 2; i += 1) {
    const server = await startTest();
    sides.push({ server, own: await makeWorld(server, "own") });
  }
  const [knowing, ignorant] = sides as [Side, Side];
  for (const { server } of sides) server.clock.advance(1_000); // so that foreign ids come after all own ones
  const workspaceId = await knowing.server.makeWorkspace();
  const rootKey = await knowing.server.makeRootKey(["*"], { workspaceId });
  const foreign = await makeWorld(knowing.server, "foreign", { workspaceId, rootKey });
  return { knowing, ignorant, foreign };
}

function textFields(operation: Operation): { schema: JsonSchema; fields: Field[] } {
  const schema = jsonSchema(operation.input, "input") as JsonSchema;
  const fields = fieldsOf(schema).filter(
    ({ schema: field }) => typesOf(field).includes("string") && field.enum === undefined,
  );
  return { schema, fields };
}

/** The things of another workspace, and a root key's permissions to do anything at all with them. */
function permissionsFor(operation: Operation, foreign: World): string[] {
  const ids: Record<string, string> = { api: foreign.apiId, identity: foreign.identityId };
  return [operation.permission, ...(operation.alsoNeeds ?? [])].map((permission) =>
    permission.replace("<id>", ids[permission.split(".")[0] ?? ""] ?? foreign.namespaceId),
  );
}

describe("what another workspace has is answered like what never was, and stays as it is:", () => {
  test.each(operations)(
    "$name",
    async (operation) => {
      const { knowing, ignorant, foreign } = await twoServers();
      const theirs = () => dump(knowing.server.services.engine.db, foreign.workspaceId);
      const before = await theirs();
      const { schema, fields } = textFields(operation);
      for (const { permissions, kinds } of callersOf(operation, foreign)) {
        const questions = fields.flatMap(({ path }) => foreignValues(path, kinds, foreign));
        const asKnowing = await asker(knowing, operation, schema, permissions);
        const asIgnorant = await asker(ignorant, operation, schema, permissions);
        for (const { path, value } of questions) {
          expect(await asKnowing(path, value)).toBe(await asIgnorant(path, value));
        }
      }
      expect(await theirs()).toEqual(before);
      await expectUntouched(knowing.server, foreign);
      await knowing.server.stop();
      await ignorant.server.stop();
    },
    60_000,
  );
});

/** What the other workspace has of these kinds, as the field at this place would name it. */
function foreignValues(path: Path, kinds: readonly Kind[], foreign: World) {
  const isCursor = path.at(-1) === "cursor";
  return kinds.map((kind) => ({ path, value: isCursor ? encodeCursor(foreign[kind]) : foreign[kind] }));
}

type AskingAs = { permissions: string[]; kinds: readonly Kind[] };

/** Permissions for everything, and where some can be given for one thing, for those of the other workspace. */
function callersOf(operation: Operation, foreign: World): AskingAs[] {
  const everything = { permissions: ["*"], kinds: allKinds };
  const narrow = { permissions: permissionsFor(operation, foreign), kinds: ownedKinds };
  return operation.permission.includes("<id>") ? [everything, narrow] : [everything];
}

async function asker({ server, own }: Side, operation: Operation, schema: JsonSchema, permissions: string[]) {
  const rootKey = await server.makeRootKey(permissions);
  const example = exampleIn(operation, own);
  return async (path: Path, value: string) => {
    const reply = await server.call(operation.name, withValue(schema, example, path, value), { rootKey });
    return `${reply.status} ${comparable(reply.text)}`;
  };
}

/** Neither its credits nor its limits were spent by anyone else. */
async function expectUntouched(server: TestServer, { key, rootKey }: World): Promise<void> {
  const { body } = await server.call("keys.verifyKey", { key }, { rootKey });
  expect(body.data).toMatchObject({
    code: "VALID",
    credits: 999,
    ratelimits: [{ remaining: 999 }, { remaining: 999 }],
  });
}

/** Statements that may look beyond one workspace, each with its reason. */
const beyondWorkspaces: Record<string, string> = {
  rootKeys: "a root key is found by its hash alone: it is what tells the workspace (contract K11)",
};

const isDeletion = ({ name }: Operation) => /\.(delete|remove)/.test(name);

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());

  test("every statement of every operation on a workspace's table names the workspace", async () => {
    const { services } = server;
    const { ofWorkspace } = await tablesOf(services.engine.db);
    expect(ofWorkspace.length).toBeGreaterThan(12);
    const recorded = recordStatements(services.engine);
    const world = await makeWorld(server, "own");
    const destroysLast = operations.toSorted((a, b) => Number(isDeletion(a)) - Number(isDeletion(b)));
    for (const operation of destroysLast) await server.call(operation.name, exampleIn(operation, world));
    const further = await makeWorld(server, "further");
    for (const [name, body] of furtherCalls(further)) await server.call(name, body);
    expect(recorded.length).toBeGreaterThan(300);
    const unbound = recorded.flatMap((statement) => unboundTables(statement, ofWorkspace));
    expect([...new Set(unbound)].filter((table) => !(table in beyondWorkspaces))).toEqual([]);
    const handWritten = recorded
      .flatMap(rawSql)
      .filter((sql) => ofWorkspace.some((table) => sql.includes(table)));
    expect(handWritten).toEqual([]);
  }, 30_000);

  /** What examples leave out: filters, searches, cursors, replacing and spending. */
  function furtherCalls(world: World): [operation: string, body: unknown][] {
    const { apiId, keyId, key, externalId, slug, roleName, namespace } = world;
    const limit = { name: "further", limit: 5, duration: 60_000 };
    const cursor = encodeCursor(world.identityId);
    return [
      ["identities.listIdentities", { search: "user", cursor, limit: 1 }],
      ["identities.updateIdentity", { identity: externalId, meta: { a: 1 }, ratelimits: [limit] }],
      ["apis.listKeys", { apiId, externalId, cursor, limit: 1 }],
      ["permissions.listRoles", { search: "role", cursor, limit: 1 }],
      ["permissions.listPermissions", { search: "read", cursor, limit: 1 }],
      ["ratelimit.listOverrides", { namespace, cursor, limit: 1 }],
      ["keys.verifyKey", { key, permissions: slug, ratelimits: [limit], tags: ["a"] }],
      ["keys.verifyKey", { key: "none", migrationId: world.migrationId }],
      [
        "keys.updateKey",
        {
          keyId,
          externalId: "new_user",
          roles: [roleName],
          permissions: [slug, "new"],
          credits: { remaining: 0 },
          ratelimits: [limit],
        },
      ],
      ["keys.verifyKey", { key }],
      [
        "keys.createKey",
        {
          apiId,
          externalId,
          roles: [roleName],
          permissions: [slug],
          credits: { remaining: 5 },
          ratelimits: [limit],
        },
      ],
      ["keys.deleteKey", { keyId, permanent: true }],
    ];
  }
});

test("every statement on usage names the workspace, but for the one that forgets by age", async () => {
  const recorded: OperationNode[] = [];
  const { db } = await openUsageDatabase(":memory:");
  const { ofWorkspace } = await tablesOf(db);
  expect(ofWorkspace).toEqual(["lastUses", "usage", "usageEvents"]);
  const watched = recording(db, recorded);
  const use = {
    workspaceId: "ws_1",
    keyId: "key_1",
    identityId: "id_1",
    apiId: "api_1",
    namespaceId: undefined,
  };
  const counted = {
    ...use,
    outcome: "VALID",
    credits: 1,
    tags: ["a"],
    atMs: 1,
    minuteMs: 0,
    count: 1,
    lastMs: 1,
  };
  await addUsage(watched, { counts: [counted], events: [{ ...counted, requestId: "req_1" }] }, () => "log_1");
  const query = { workspaceId: "ws_1", subjectId: "key_1", startMs: 0, endMs: 9, tag: undefined };
  expect(await queryUsage(watched, { ...query, period: "minute" })).toHaveLength(1);
  expect(await queryLastUses(watched, "ws_1", ["key_1"])).toHaveLength(1);
  expect(recorded.flatMap((statement) => unboundTables(statement, ofWorkspace))).toEqual([]);
});

test("two counters never share a name, and one has one whatever its limit and cost are", () => {
  // lengths and digits that could be taken for each other
  const parts = ["", "a", "a".repeat(10), "a".repeat(11), "/", "1/a", "11/", "é", "😀"];
  const spaces: Window["space"][] = ["key", "identity", "namespace", "workspace", "address"];
  const windows = spaces.flatMap((space) =>
    [1, 11, 1_000].flatMap((durationMs) =>
      ["", "1", "11", "ws_1", "ws_1/"].flatMap((workspaceId) =>
        parts.flatMap((subject) => parts.map((name) => ({ space, durationMs, workspaceId, subject, name }))),
      ),
    ),
  );
  const keys = windows.map((window) => counterKey({ ...window, limit: 5, cost: 1 }));
  expect(new Set(keys).size).toBe(windows.length);
  expect(windows.map((window) => counterKey({ ...window, limit: 7, cost: 0 }))).toEqual(keys);
});
