import { describe, expect, test } from "bun:test";
import { engines, everything, startTest, type TestServer } from "../../test/harness.ts";
import { type Field, fieldsOf, type JsonSchema, type Path, typesOf, withValue } from "../../test/schemas.ts";
import { testServer } from "../../test/setUp.ts";
import { rawSql, recordStatements, unboundTables } from "../../test/statements.ts";
import { dump, tablesOf } from "../../test/tables.ts";
import { exampleIn, type Kind, makeWorld, type World } from "../../test/world.ts";
import { counterKey } from "../counters/counters.ts";
import { encodeCursor } from "../domain/cursor.ts";
import type { Window } from "../domain/windows.ts";
import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { operations } from "../operations/index.ts";

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
  "rootKeyId",
];

/** The ids that a root key's permission may name in place of `*`, as in `api.<id>.verify_key`. */
const ownedKinds: readonly Kind[] = ["apiId", "keyId", "identityId", "namespaceId", "rootKeyId"];

/** Removes from a response what may differ between two servers with the same data, such as the request id. */
function comparable(text: string): string {
  return text
    .replace(/\b([a-z]{2,8})_[0-9A-Za-z]{22}\b/g, "$1_*")
    .replace(/"(key|start|end)":"[^"]*"/g, '"$1":"*"')
    .replace(/cursor_[\w-]+/g, "cursor_*")
    .replace(/127\.0\.0\.1:\d+/g, "host");
}

type Side = { server: TestServer; own: World };

/**
 * Starts two servers with the same workspace. The first also has a foreign workspace, of which the second is ignorant.
 * Ids begin with the time, and lists are in the order of ids, so the clock advances between records whose order
 * matters.
 */
async function twoServers() {
  const sides: Side[] = [];
  for (let i = 0; i < 2; i += 1) {
    const server = await startTest();
    server.clock.advance(1); // gives the workspace's own records later ids than the first root key
    sides.push({ server, own: await makeWorld(server, "own") });
  }
  const [knowing, ignorant] = sides as [Side, Side];
  for (const { server } of sides) server.clock.advance(1_000); // gives the records of the other workspace later ids
  const workspaceId = await knowing.server.makeWorkspace();
  const rootKey = await knowing.server.makeRootKey(everything, { workspaceId });
  const foreign = await makeWorld(knowing.server, "foreign", { workspaceId, rootKey });
  // gives the root keys that the tests create later ids than all records above
  for (const { server } of sides) server.clock.advance(1_000);
  return { knowing, ignorant, foreign };
}

function textFields(operation: Operation): { schema: JsonSchema; fields: Field[] } {
  const schema = jsonSchema(operation.input, "input") as JsonSchema;
  const fields = fieldsOf(schema).filter(
    ({ schema: field }) => typesOf(field).includes("string") && field.enum === undefined,
  );
  return { schema, fields };
}

/**
 * Returns the permissions that a root key would need for everything that the operation could do with
 * the other workspace's records.
 */
function permissionsFor(operation: Operation, foreign: World): string[] {
  const ids: Record<string, string> = {
    api: foreign.apiId,
    identity: foreign.identityId,
    root_key: foreign.rootKeyId,
  };
  return [operation.permission, ...(operation.alsoNeeds ?? [])].map((permission) =>
    permission.replace("<id>", ids[permission.split(".")[0] ?? ""] ?? foreign.namespaceId),
  );
}

describe("a reference to another workspace's data gets the same response as one to missing data, and changes nothing:", () => {
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

/** Returns values for the field at this path, each of which refers to a record of the other workspace. */
function foreignValues(path: Path, kinds: readonly Kind[], foreign: World) {
  const isCursor = path.at(-1) === "cursor";
  return kinds.map((kind) => ({ path, value: isCursor ? encodeCursor(foreign[kind]) : foreign[kind] }));
}

type AskingAs = { permissions: readonly string[]; kinds: readonly Kind[] };

/**
 * Returns the callers with which the operation is tested. The first has all permissions. If the operation's permission
 * can name single records, a second caller has this permission for the records of the other workspace.
 */
function callersOf(operation: Operation, foreign: World): AskingAs[] {
  const owner = { permissions: everything, kinds: allKinds };
  const narrow = { permissions: permissionsFor(operation, foreign), kinds: ownedKinds };
  return operation.permission.includes("<id>") ? [owner, narrow] : [owner];
}

async function asker(
  { server, own }: Side,
  operation: Operation,
  schema: JsonSchema,
  permissions: readonly string[],
) {
  const rootKey = await server.makeRootKey(permissions);
  const example = exampleIn(operation, own);
  return async (path: Path, value: string) => {
    const reply = await server.call(operation.name, withValue(schema, example, path, value), { rootKey });
    return `${reply.status} ${comparable(reply.text)}`;
  };
}

/** Expects that the credits and rate limits of the other workspace are not spent. */
async function expectUntouched(server: TestServer, { key, rootKey }: World): Promise<void> {
  const { body } = await server.call("keys.verifyKey", { key }, { rootKey });
  expect(body.data).toMatchObject({
    code: "VALID",
    credits: 999,
    ratelimits: [{ remaining: 999 }, { remaining: 999 }],
  });
}

/** The tables whose statements need not name the workspace, each with its reason. */
const beyondWorkspaces: Record<string, string> = {
  rootKeys:
    "a root key is found by its hash alone, because a request has nothing else that names the workspace",
};

const isDeletion = ({ name }: Operation) => /\.(delete|remove)/.test(name);

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });

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
    expect(recorded.length).toBeGreaterThan(220);
    const unbound = recorded.flatMap((statement) => unboundTables(statement, ofWorkspace));
    expect([...new Set(unbound)].filter((table) => !(table in beyondWorkspaces))).toEqual([]);
    const handWritten = recorded
      .flatMap(rawSql)
      .filter((sql) => ofWorkspace.some((table) => sql.includes(table)));
    expect(handWritten).toEqual([]);
  }, 30_000);

  /**
   * Calls in addition to the examples of the operations: with filters, searches and cursors, and calls that replace
   * or spend.
   */
  function furtherCalls(world: World): [operation: string, body: unknown][] {
    const { apiId, keyId, key, externalId, slug, roleName, namespace } = world;
    const limit = { name: "further", limit: 5, duration: 60_000 };
    const cursor = encodeCursor(world.identityId);
    return [
      ["identities.listIdentities", { search: "user", cursor, limit: 1 }],
      ["identities.updateIdentity", { identity: externalId, meta: { a: 1 }, ratelimits: [limit] }],
      ["apis.listKeys", { apiId, externalId, cursor, limit: 1 }],
      ["apis.listApis", { search: "api", order: "desc", cursor: encodeCursor(apiId), limit: 1 }],
      ["keys.listKeys", { identity: externalId, orderBy: "expires", limit: 1 }],
      ["keys.listKeys", { role: roleName, permission: slug, search: "k", unusedSince: 1 }],
      ["keys.listKeys", { orderBy: "expires", order: "desc", expiresBefore: 9 }],
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

test("two counters never share a key, and a counter has one key whatever its limit and cost are", () => {
  // texts of different lengths, with digits and slashes: if a key only joined its texts, two counters could share it
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
