import { describe, expect, test } from "bun:test";
import { engines, everything } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { watchStatements } from "../../test/statements.ts";
import { exampleIn, makeWorld, type World } from "../../test/world.ts";
import type { Operation } from "../operation.ts";
import { operations } from "./index.ts";

/**
 * The most statements that each operation's example may take, without `begin` and `commit`: on SQLite, and on
 * PostgreSQL. On PostgreSQL, each statement is a round trip, and a change takes one more statement, which tells the
 * other nodes. One statement inserts all audit events of a change.
 */
const most: Record<string, readonly [sqlite: number, postgres: number]> = {
  "analytics.getGatewayRequests": [0, 0],
  "analytics.getRatelimits": [0, 0],
  "analytics.getRuntimeLogs": [0, 0],
  "analytics.getTop": [0, 0],
  "analytics.getUsage": [2, 2],
  "analytics.getVerifications": [0, 0],
  "analytics.listEvents": [0, 0],
  "apis.createApi": [2, 2],
  "apis.deleteApi": [2, 3],
  "apis.getApi": [1, 1],
  "apis.listApis": [1, 1],
  "apis.listKeys": [3, 3],
  "apis.updateApi": [3, 3],
  "audit.listEvents": [2, 2],
  "credits.listMovements": [3, 3],
  "credits.release": [10, 10],
  "credits.reserve": [4, 4],
  "credits.settle": [10, 10],
  "identities.createIdentity": [3, 3],
  "identities.deleteIdentity": [9, 10],
  "identities.getIdentity": [3, 3],
  "identities.getState": [3, 3],
  "identities.listIdentities": [3, 3],
  "identities.updateCredits": [6, 7],
  "identities.updateIdentity": [5, 6],
  "keys.addPermissions": [7, 8],
  "keys.addRoles": [6, 7],
  "keys.createKey": [5, 5],
  "keys.deleteKey": [5, 6],
  "keys.explain": [7, 7],
  "keys.getKey": [2, 2],
  "keys.getState": [3, 3],
  "keys.listKeys": [5, 5],
  "keys.migrateKeys": [9, 9],
  "keys.removePermissions": [8, 9],
  "keys.removeRoles": [7, 8],
  "keys.rerollKey": [11, 12],
  "keys.setPermissions": [5, 6],
  "keys.setRoles": [6, 7],
  "keys.updateCredits": [7, 8],
  "keys.updateKey": [6, 7],
  "keys.verifyKey": [15, 2],
  "keys.verifyKeys": [1, 1],
  "keys.whoami": [2, 2],
  "permissions.createPermission": [2, 2],
  "permissions.createRole": [4, 4],
  "permissions.deletePermission": [3, 4],
  "permissions.deleteRole": [3, 4],
  "permissions.getPermission": [1, 1],
  "permissions.getRole": [2, 2],
  "permissions.listPermissions": [1, 1],
  "permissions.listRoles": [2, 2],
  "permissions.setRolePermissions": [4, 5],
  "permissions.updatePermission": [4, 5],
  "permissions.updateRole": [5, 6],
  "quotas.adjust": [6, 7],
  "quotas.grant": [6, 7],
  "ratelimit.deleteNamespace": [5, 6],
  "ratelimit.deleteOverride": [3, 4],
  "ratelimit.getNamespace": [2, 2],
  "ratelimit.getOverride": [2, 2],
  "ratelimit.limit": [0, 0],
  "ratelimit.listNamespaces": [1, 1],
  "ratelimit.listOverrides": [2, 2],
  "ratelimit.multiLimit": [0, 0],
  "ratelimit.renameNamespace": [6, 7],
  "ratelimit.setOverride": [4, 5],
  "rootKeys.createKey": [4, 4],
  "rootKeys.deleteKey": [6, 7],
  "rootKeys.listKeys": [1, 1],
  "rootKeys.rerollKey": [6, 7],
  "rootKeys.updateKey": [5, 6],
  "server.getStatus": [1, 1],
  "workspace.getLimits": [0, 0],
  "workspace.getUsage": [0, 0],
  "workspaces.getWorkspace": [1, 1],
};

const isDeletion = ({ name }: Operation) => /\.(delete|remove)/.test(name);
const destroysLast = operations.toSorted((a, b) => Number(isDeletion(a)) - Number(isDeletion(b)));

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);

  async function newWorld(): Promise<World> {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(everything, { workspaceId });
    return makeWorld(server, "own", { workspaceId, rootKey });
  }

  /** Returns a function that tells how many statements have run since it was last called. */
  function statementCounter(): () => number {
    let count = 0;
    watchStatements(server.services.engine, () => {
      count += 1;
    });
    return () => {
      const since = count;
      count = 0;
      return since;
    };
  }

  test("no operation runs more statements than the table says", async () => {
    const since = statementCounter();
    const shared = await newWorld();
    const counted: Record<string, number> = {};
    for (const operation of destroysLast) {
      const world = isDeletion(operation) ? await newWorld() : shared;
      const { rootKey } = world;
      since();
      await server.call(operation.name, exampleIn(operation, world), { rootKey });
      counted[operation.name] = since();
    }
    const column = engine.name === "postgres" ? 1 : 0;
    const above = Object.entries(counted).filter(([name, count]) => count > (most[name]?.[column] ?? -1));
    expect(above).toEqual([]);
  }, 60_000);

  test("a list of 100 rows takes one statement for the page and one for what belongs to its rows", async () => {
    const since = statementCounter();
    const limit = { name: "requests", limit: 5, duration: 60_000 };
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    await space.data("permissions.createRole", { name: "role_0", permissions: ["documents.read"] });
    for (let index = 1; index <= 100; index += 1) {
      const name = `role_${index}`;
      await space.data("identities.createIdentity", { externalId: `user_${index}`, ratelimits: [limit] });
      await space.data("permissions.createRole", { name, permissions: ["documents.read"] });
      const held = { roles: [name], permissions: ["documents.write"], ratelimits: [limit] };
      await space.data("keys.createKey", { apiId, externalId: `user_${index}`, ...held });
    }
    const lists: [operation: string, body: object][] = [
      ["identities.listIdentities", { limit: 100 }],
      ["permissions.listRoles", { limit: 100 }],
      ["apis.listKeys", { apiId, limit: 100 }],
    ];
    for (const [operation, body] of lists) {
      since();
      expect(await space.data(operation, body)).toHaveLength(100);
      const ofApi = operation === "apis.listKeys" ? 1 : 0; // this list looks up its api first
      expect([operation, since()]).toEqual([operation, 2 + ofApi]);
    }
  }, 60_000);
});
