import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { until } from "../../test/until.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";
import { cleanUpTasks } from "./cleanUp.ts";
import { openStorage } from "./open.ts";
import { insertApi } from "./queries/apis.ts";
import { insertKeys, type NewKey } from "./queries/keys/write.ts";
import { insertPermission, linkKeyPermissions, setPermissionDeleted } from "./queries/permissions.ts";
import { insertRole, linkKeyRoles, setRoleDeleted } from "./queries/roles.ts";
import { insertWorkspace } from "./queries/workspaces.ts";

const keyCount = 12;
const rowsAtOnce = 5;

describe.each(engines)("on $name, a deleted", (engine) => {
  let server: TestServer;
  let space: Workspace;
  let keys: string[];
  beforeAll(async () => {
    server = await startTest({ engine });
    space = await makeWorkspace(server);
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    await space.data("permissions.createRole", { name: "editor", permissions: ["write", "read"] });
    const grants = { apiId, permissions: ["read"], roles: ["editor"] };
    const made = Array.from({ length: keyCount }, () => space.data("keys.createKey", grants));
    keys = (await Promise.all(made)).map(({ key }) => key);
  });
  afterAll(() => server.stop());
  const held = (key: string | undefined) => space.data("keys.verifyKey", { key });
  const keysWith = (permission: string) => space.data("keys.listKeys", { permission });
  const rowsIn = async (table: "permissions" | "roles" | "keyPermissions" | "keyRoles" | "rolePermissions") =>
    (await server.services.engine.db.selectFrom(table).select("workspaceId").execute()).length;
  const allRows = async () =>
    Promise.all(
      (["permissions", "roles", "keyPermissions", "keyRoles", "rolePermissions"] as const).map(rowsIn),
    );

  /** Runs the clean-up until nothing is left to delete. Returns how many rows each transaction has deleted. */
  async function cleanAll(): Promise<number[]> {
    const removed: number[] = [];
    for (const task of cleanUpTasks(undefined, () => undefined).always) {
      for (let found = rowsAtOnce; found === rowsAtOnce; ) {
        const before = await allRows();
        found = await server.services.engine.transaction((tx) => task(tx, rowsAtOnce));
        const after = await allRows();
        removed.push(before.reduce((sum, count, table) => sum + count - (after[table] ?? 0), 0));
      }
    }
    return removed;
  }

  test("permission is gone from every key at once, its name is free, and its rows are deleted a few at a time", async () => {
    await held(keys[0]); // puts the key into the cache
    await space.data("permissions.deletePermission", { permission: "read" });
    for (const key of keys) expect((await held(key)).permissions).toEqual(["write"]);
    const role = await space.data("permissions.getRole", { role: "editor" });
    expect(role.permissions.map(({ slug }: { slug: string }) => slug)).toEqual(["write"]);
    expect(await rowsIn("keyPermissions")).toBe(keyCount);
    await space.data("permissions.createPermission", { name: "read", slug: "read" });
    expect((await held(keys[0])).permissions).toEqual(["write"]);
    expect(await keysWith("read")).toEqual([]);
    expect(Math.max(...(await cleanAll()))).toBeLessThanOrEqual(rowsAtOnce);
    expect([await rowsIn("keyPermissions"), await rowsIn("permissions")]).toEqual([0, 2]);
  });

  test("role is gone from every key at once, and its rows are deleted a few at a time", async () => {
    await held(keys[0]);
    expect(await keysWith("write")).toHaveLength(keyCount);
    await space.data("permissions.deleteRole", { role: "editor" });
    expect(await keysWith("write")).toEqual([]);
    for (const key of keys) expect(await held(key)).toMatchObject({ code: "VALID" });
    for (const key of keys) expect((await held(key)).roles ?? []).toEqual([]);
    expect(await rowsIn("keyRoles")).toBe(keyCount);
    await space.data("permissions.createRole", { name: "editor" });
    expect((await held(keys[0])).roles ?? []).toEqual([]);
    expect(Math.max(...(await cleanAll()))).toBeLessThanOrEqual(rowsAtOnce);
    expect([await rowsIn("keyRoles"), await rowsIn("roles")]).toEqual([0, 1]);
  });
});

describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))(
  "on $name, a process that is killed while it deletes the rows of a deleted",
  (engine) => {
    const keyIds = Array.from({ length: 20_000 }, (_, index) => `key_${index}`);
    const options = { serving: false, connections: 4, monotonicMs: () => performance.now() };

    test.each([
      ["permission", "keyPermissions"],
      ["role", "keyRoles"],
    ] as const)(
      "%s leaves the other rows to the next process, which deletes them",
      async (what, links) => {
        const url = await engine.url(newFolder());
        const storage = await openStorage(databaseAt(url), options);
        await storage.transaction(async (tx) => {
          await insertWorkspace(tx, { id: "ws_1", name: "one", nowMs: 0 });
          await insertApi(tx, {
            id: "api_1",
            keyspaceId: "ks_1",
            workspaceId: "ws_1",
            name: "one",
            nowMs: 0,
          });
          await insertKeys(tx, keyIds.map(keyOf));
          const deletedId = `${what}_1`;
          if (what === "role") {
            await insertRole(tx, "ws_1", { id: deletedId, name: "one", description: null }, 0);
            await linkKeyRoles(
              tx,
              "ws_1",
              keyIds.map((keyId) => ({ keyId, roleId: deletedId })),
            );
            await setRoleDeleted(tx, "ws_1", deletedId);
          } else {
            const permission = { id: deletedId, name: "one", slug: "one", description: null };
            await insertPermission(tx, "ws_1", permission, 0);
            await linkKeyPermissions(
              tx,
              "ws_1",
              keyIds.map((keyId) => ({ keyId, permissionId: deletedId })),
            );
            await setPermissionDeleted(tx, "ws_1", deletedId);
          }
        });
        const left = async () => {
          const { count } = await storage.db
            .selectFrom(links)
            .select((eb) => eb.fn.countAll<number>().as("count"))
            .executeTakeFirstOrThrow();
          return count;
        };
        const start = () =>
          Bun.spawn([process.execPath, join(import.meta.dir, "../../test/deleted.child.ts"), url]);
        const first = start();
        await until(async () => (await left()) < 19_000, 30_000);
        first.kill("SIGKILL");
        await first.exited;
        const remaining = await left();
        expect(remaining).toBeGreaterThan(0);
        expect(remaining % 500).toBe(0);
        const second = start();
        const table = what === "role" ? "roles" : "permissions";
        await until(
          async () => (await storage.db.selectFrom(table).select("id").execute()).length === 0,
          30_000,
        );
        second.kill("SIGKILL");
        await second.exited;
        expect(await left()).toBe(0);
        expect(await storage.db.selectFrom("keys").select("id").execute()).toHaveLength(20_000);
        await storage.close();
        await engine.drop?.(url);
      },
      90_000,
    );
  },
);

function keyOf(id: string): NewKey {
  return {
    id,
    workspaceId: "ws_1",
    apiId: "api_1",
    identityId: undefined,
    subjectId: id,
    hash: id,
    start: "",
    prefix: undefined,
    byteLength: 16,
    name: undefined,
    meta: undefined,
    enabled: true,
    expiresAtMs: undefined,
    ipAllowList: undefined,
    pendingMigrationId: undefined,
    sealed: undefined,
    nowMs: 0,
  };
}
