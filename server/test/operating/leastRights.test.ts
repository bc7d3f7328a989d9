/**
 * Creates root keys with the presets of docs/operating/security.md, and tests what they can do and what they cannot.
 */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { manage } from "../../src/cli/manage.ts";
import type { Operation } from "../../src/operation.ts";
import { operations } from "../../src/operations/index.ts";
import { hashKey } from "../../src/runtime.ts";
import { engines, type Reply } from "../harness.ts";
import { expectRefusal } from "../refusal.ts";
import { testServer, testWorkspace } from "../setUp.ts";
import { exampleIn, makeWorld, type World } from "../world.ts";
import { readText } from "./dockerfile.ts";

setDefaultTimeout(60_000);

const page = readText(join(import.meta.dir, "../../../docs/operating/security.md"));
/** The permissions of each preset on the page, separated by commas. The key is the purpose of the preset. */
const presets = new Map(
  [...page.matchAll(/^\| ([^|]+) \| `([\w.<>*,]+)` \|$/gm)].map(([, purpose = "", list = ""]) => [
    purpose,
    list,
  ]),
);

const managing = [
  "apis.getApi",
  "apis.listApis",
  "apis.listKeys",
  "keys.addPermissions",
  "keys.addRoles",
  "keys.createKey",
  "keys.deleteKey",
  "keys.explain",
  "keys.getKey",
  "keys.listKeys",
  "keys.getState",
  "keys.migrateKeys",
  "keys.removePermissions",
  "keys.removeRoles",
  "keys.rerollKey",
  "keys.setPermissions",
  "keys.setRoles",
  "keys.updateCredits",
  "keys.updateKey",
  "keys.whoami",
];
const reading = [
  "apis.getApi",
  "apis.listApis",
  "apis.listKeys",
  "credits.listMovements",
  "identities.getIdentity",
  "identities.getState",
  "identities.listIdentities",
  "keys.explain",
  "keys.getKey",
  "keys.listKeys",
  "keys.getState",
  "keys.whoami",
  "permissions.getPermission",
  "permissions.getRole",
  "permissions.listPermissions",
  "permissions.listRoles",
  "ratelimit.getOverride",
  "ratelimit.listOverrides",
];
/** Returns whether this server offers the operation. All others exist only to return an error that says so. */
const isOffered = ({ output, example }: Operation) => output === undefined || example.output !== undefined;
const offered = operations.filter(isOffered);
const allowed: Record<string, readonly string[]> = {
  "verify only, one api": [
    "credits.release",
    "credits.reserve",
    "credits.settle",
    "keys.verifyKey",
    "keys.verifyKeys",
  ],
  "manage keys of one api": managing,
  "read only": reading,
  all: offered.map(({ name }) => name).filter((name) => name !== "server.getStatus"),
};

const forOneApi = [...presets.keys()].filter((purpose) => presets.get(purpose)?.includes("<id>"));

/** Returns whether a call was refused: with 403, or as if the record did not exist. */
const isRefused = ({ status, body }: Reply) =>
  status === 403 ||
  status === 404 ||
  (body.data?.[0]?.data ?? body.data?.verdict ?? body.data)?.code === "NOT_FOUND";

/** Returns whether a response is a list without the records of this api, which the root key may not read. */
const isListWithout = ({ body, text }: Reply, { apiId, keyId }: World) =>
  Array.isArray(body.data) && !text.includes(apiId) && !text.includes(keyId);

test("the page has exactly the four presets that are tested here", () => {
  expect([...presets.keys()]).toEqual(Object.keys(allowed));
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);

  /** Creates a root key of the workspace with the command that the page names. */
  async function rootKeyFor(purpose: string, apiId: string): Promise<string> {
    const permissions = presets.get(purpose)?.replaceAll("<id>", apiId) ?? "";
    const words = ["root-key", "create", "--workspace", space.id, "--permissions", permissions];
    const printed = await manage(server.services.engine, words);
    return printed.split("\n")[1] ?? "";
  }
  const world = (name: string): Promise<World> =>
    makeWorld(server, name, { workspaceId: space.id, rootKey: space.rootKey });

  test.each(Object.entries(allowed))(
    "the preset %p can do exactly what its purpose needs",
    async (purpose, names) => {
      const done: string[] = [];
      for (const [index, operation] of offered.entries()) {
        const own = await world(`world${index}`);
        const rootKey = await rootKeyFor(purpose, own.apiId);
        const reply = await server.call(operation.name, exampleIn(operation, own), { rootKey });
        if (isRefused(reply)) continue;
        expect([operation.name, reply.status, reply.body.error]).toEqual([operation.name, 200, undefined]);
        done.push(operation.name);
      }
      expect(done.toSorted()).toEqual(names.toSorted());
    },
  );

  test.each(forOneApi)("the preset %p can do nothing in another api", async (purpose) => {
    const { apiId } = await space.data("apis.createApi", { name: "own" });
    const rootKey = await rootKeyFor(purpose, apiId);
    const other = await world("other");
    for (const operation of offered) {
      const reply = await server.call(operation.name, exampleIn(operation, other), { rootKey });
      expect([operation.name, isRefused(reply) || isListWithout(reply, other)]).toEqual([
        operation.name,
        true,
      ]);
    }
  });

  describe("the warnings of the page are true:", () => {
    let own: World;
    beforeEach(async () => {
      own = await world("own");
    });
    const keyFor = (...actions: string[]) =>
      space.keyWith(...actions.map((action) => `api.${own.apiId}.${action}`));

    /**
     * Returns everything that a root key with only these permissions learns by linking a key to the identity and
     * reading the key.
     */
    async function toldAbout(...actions: string[]): Promise<string> {
      const rootKey = await keyFor(...actions);
      const { apiId, externalId } = own;
      const call = (operation: string, body: object) => space.call(operation, body, { rootKey });
      const identity = await call("identities.getIdentity", { identity: externalId });
      expectRefusal(identity, "insufficient_permissions");
      const unlinked: { keyId: string; key: string } = await space.data("keys.createKey", { apiId });
      const made = await call("keys.createKey", { apiId, externalId });
      const updated = await call("keys.updateKey", { keyId: unlinked.keyId, externalId });
      const { keyId, key } = made.body.data ?? unlinked;
      const verified = await call("keys.verifyKey", { key });
      const read = await call("keys.getKey", { keyId });
      return [made, updated, verified, read].map(({ text }) => text).join("\n");
    }
    const meta = '"meta":{"of":"own"}';

    test.each([
      ["create_key", "verify_key"],
      ["create_key", "read_key"],
      ["update_key", "verify_key"],
      ["update_key", "read_key"],
    ])("%s and %s together read any identity's meta", async (links, reads) => {
      expect(await toldAbout(links, reads)).toContain(meta);
      for (const action of [links, reads]) expect(await toldAbout(action)).not.toContain(meta);
    });

    test("create_key and update_key give keys any permission and role, and create permissions, without rbac.*", async () => {
      const { slug, roleName } = await world("wanted");
      const { apiId, keyId } = own;
      const permissions = [slug, "permission.that.is.new"];
      const gives: [string, string, object][] = [
        ["create_key", "keys.createKey", { apiId, permissions, roles: [roleName] }],
        ["update_key", "keys.updateKey", { keyId, permissions, roles: [roleName] }],
        ["update_key", "keys.setRoles", { keyId, roles: [roleName] }],
        ["update_key", "keys.addRoles", { keyId, roles: [roleName] }],
        ["update_key", "keys.setPermissions", { keyId, permissions: [slug] }],
        ["update_key", "keys.addPermissions", { keyId, permissions: [slug] }],
      ];
      for (const [action, operation, body] of gives) {
        await space.data("keys.updateKey", { keyId, permissions: [], roles: [] });
        const given = await space.data(operation, body, { rootKey: await keyFor(action) });
        const key = await space.data("keys.getKey", { keyId: given.keyId ?? keyId });
        if ("roles" in body) expect(key.roles).toEqual([roleName]);
        if ("permissions" in body)
          expect(key.permissions).toEqual(expect.arrayContaining(body.permissions as string[]));
      }
    });

    test("migrateKeys creates permissions without rbac.*, and addPermissions and setPermissions do not", async () => {
      const rootKey = await keyFor("create_key", "update_key");
      const { apiId, keyId, migrationId } = own;
      const hash = hashKey("a key from elsewhere");
      const keys = [{ hash, permissions: ["migrated.permission"] }];
      const { migrated } = await space.data("keys.migrateKeys", { apiId, migrationId, keys }, { rootKey });
      const [{ keyId: migratedId }] = migrated;
      expect(await space.data("keys.getKey", { keyId: migratedId })).toMatchObject({
        permissions: ["migrated.permission"],
      });
      for (const operation of ["keys.addPermissions", "keys.setPermissions"]) {
        const reply = await space.call(operation, { keyId, permissions: ["new.permission"] }, { rootKey });
        const { detail } = expectRefusal(reply, "insufficient_permissions");
        expect(detail).toContain("rbac.*.create_permission");
      }
    });

    test("create_key alone ends any key of its api by rerolling it", async () => {
      const rootKey = await keyFor("create_key");
      const { keyId, key } = own;
      for (const operation of ["keys.deleteKey", "keys.updateKey"]) {
        expectRefusal(await space.call(operation, { keyId }, { rootKey }), "insufficient_permissions");
      }
      expect((await space.data("keys.verifyKey", { key })).code).toBe("VALID");
      await space.data("keys.rerollKey", { keyId, expiration: 0 }, { rootKey });
      expect((await space.data("keys.verifyKey", { key })).code).toBe("EXPIRED");
    });
  });
});
