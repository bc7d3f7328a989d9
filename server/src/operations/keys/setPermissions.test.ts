import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { statuses } from "../../../test/workspace.ts";
import { claimPermissions, insertKeyPermissions } from "../../storage/queries/permissions.ts";
import { idsOf } from "../shared/changes.ts";

type Permission = { id: string; slug: string; name: string };
type Role = { name: string; permissions?: Permission[] };

describe.each(engines)("on $name, the permissions of a key", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    await space.data("permissions.createRole", { name: "editor", permissions: ["write"] });
    ({ keyId, key } = await space.data("keys.createKey", {
      apiId,
      roles: ["editor"],
      permissions: ["read"],
    }));
  });
  const call = (verb: "set" | "add" | "remove", permissions: string[], options = {}) =>
    space.call(`keys.${verb}Permissions`, { keyId, permissions }, options);
  const slugs = async (...of: Parameters<typeof call>) => {
    const reply = await call(...of);
    expect(reply.status).toBe(200);
    return reply.body.data.map(({ slug }: Permission) => slug).sort();
  };
  const held = async () => (await space.data("keys.verifyKey", { key })).permissions;
  const state = () => dump(server.services.engine.db, space.id);

  test("are replaced, added and removed; each response is what the key then has directly", async () => {
    expect(await slugs("set", ["b", "a", "b"])).toEqual(["a", "b"]);
    expect(await held()).toEqual(["a", "b", "write"]);
    expect(await slugs("add", ["c", "a"])).toEqual(["a", "b", "c"]);
    expect(await slugs("remove", ["b", "read"])).toEqual(["a", "c"]); // removing what it does not have changes nothing
    expect(await held()).toEqual(["a", "c", "write"]);
    expect(await slugs("set", [])).toEqual([]);
    expect(await held()).toEqual(["write"]);
  });

  const giveThousands = async () => {
    const { engine: database, newId } = server.services;
    const slugs = Array.from({ length: 8_000 }, (_, n) => `p${n}`);
    const making = { newId: () => newId("perm"), nowMs: server.clock.nowMs };
    await database.transaction(async (tx) => {
      const { permissions } = await claimPermissions(tx, space.id, slugs, making);
      await insertKeyPermissions(tx, space.id, keyId, idsOf(permissions));
    });
    expect(await held()).toHaveLength(8_002);
    return database;
  };

  test("are deleted with a key that is deleted permanently, even if an older version left 8,000 of them", async () => {
    const database = await giveThousands();
    await space.data("keys.deleteKey", { keyId, permanent: true });
    expect(await space.data("keys.verifyKey", { key })).toMatchObject({ code: "NOT_FOUND" });
    const links = database.db.selectFrom("keyPermissions").select("keyId").where("keyId", "=", keyId);
    expect(await links.execute()).toEqual([]);
  });

  test("can all be removed in one call, even if an older version left 8,000 of them", async () => {
    const database = await giveThousands();
    expect((await call("set", [])).body).toMatchObject({ data: [] });
    expect(await held()).toEqual(["write"]);
    const audited = await database.db
      .selectFrom("auditEvents")
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .where("workspaceId", "=", space.id)
      .where("event", "=", "authorization.disconnect_permission_and_key")
      .executeTakeFirstOrThrow();
    expect(audited.count).toBe(8_001);
  });

  test("that it has through a role are neither returned nor removed", async () => {
    expect(await slugs("remove", ["write"])).toEqual(["read"]);
    expect(await held()).toEqual(["read", "write"]);
    expect(await slugs("add", ["write"])).toEqual(["read", "write"]);
    expect(await slugs("set", ["read"])).toEqual(["read"]);
    expect(await held()).toEqual(["read", "write"]);
  });

  test("are returned with id, name and slug, an existing one with its own name", async () => {
    const { permissionId } = await space.data("permissions.createPermission", {
      name: "Named",
      slug: "named",
    });
    const { data } = (await call("set", ["named"])).body;
    expect(data).toEqual([{ id: permissionId, name: "Named", slug: "named" }]);
  });

  test("are named by slug only, byte for byte: an id is a slug like any other, and case counts", async () => {
    const [{ id }] = (await call("set", ["read"])).body.data;
    expect(await slugs("set", [id, "Read"])).toEqual(["Read", id]);
    const before = await state();
    const reply = await call("remove", ["Read", "READ"]);
    expect(reply.status).toBe(404);
    expect(reply.body.error.type).toEndWith("/unkey/data/permission_not_found");
    expect(reply.body.error.detail).toContain('"READ"');
    expect(await state()).toEqual(before);
  });

  test("that do not exist are created only for callers that may create them", async () => {
    const rootKey = await space.keyWith("api.*.update_key");
    const before = await state();
    for (const verb of ["set", "add"] as const) {
      const reply = await call(verb, ["write", "new.one"], { rootKey });
      expect(reply.status).toBe(403);
      expect(reply.body.error.detail).toContain("rbac.*.create_permission");
    }
    expect(await state()).toEqual(before);
    expect(await slugs("add", ["write"], { rootKey })).toEqual(["read", "write"]);
    const maker = await space.keyWith("api.*.update_key", "rbac.*.create_permission");
    expect(await slugs("add", ["new.one"], { rootKey: maker })).toEqual(["new.one", "read", "write"]);
  });

  test.each(["set", "add", "remove"] as const)(
    "%s needs update_key in the key's api, and nothing else",
    async (verb) => {
      for (const scope of ["*", apiId]) {
        const rootKey = await space.keyWith(`api.${scope}.update_key`);
        expect((await call(verb, ["read"], { rootKey })).status).toBe(200);
        await call("add", ["read"]);
      }
      const elsewhere = await space.keyWith("api.api_other.update_key");
      expect((await call(verb, ["read"], { rootKey: elsewhere })).status).toBe(404);
      const permissions = ["rbac.*.add_permission_to_key", "rbac.*.remove_permission_from_key"];
      expect((await call(verb, ["read"], { rootKey: await space.keyWith(...permissions) })).status).toBe(403);
    },
  );

  test("that 20 callers add at once are all added", async () => {
    const wanted = Array.from({ length: 20 }, (_, index) => `p${index}`);
    expect(await statuses(20, (index) => call("add", [`p${index}`, "shared"]))).toEqual({ 200: 20 });
    expect(await held()).toEqual([...wanted, "read", "shared", "write"].sort());
  });

  test("are connected and disconnected in the audit trail, by ids, without an event for what stays", async () => {
    await call("set", ["read", "new"]);
    await call("add", ["new"]);
    await call("remove", ["new"]);
    const trail = (await space.audit()).slice(-3).map(({ event, targetId }) => [event, targetId]);
    expect(trail[0]?.[0]).toBe("permission.create");
    expect(trail.slice(1)).toEqual([
      ["authorization.connect_permission_and_key", keyId],
      ["authorization.disconnect_permission_and_key", keyId],
    ]);
  });
});

describe.each(engines)("on $name, the roles of a key", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    for (const name of ["editor", "Editor", "viewer"]) {
      await space.data("permissions.createRole", { name, permissions: [`by.${name}`] });
    }
    ({ keyId, key } = await space.data("keys.createKey", { apiId, roles: ["editor"] }));
  });
  const call = (verb: "set" | "add" | "remove", roles: string[], options = {}) =>
    space.call(`keys.${verb}Roles`, { keyId, roles }, options);
  const names = async (...of: Parameters<typeof call>) => {
    const reply = await call(...of);
    expect(reply.status).toBe(200);
    return reply.body.data.map(({ name }: Role) => name).sort();
  };

  test("are replaced, added and removed; each response is what the key then has, with their permissions", async () => {
    expect(await names("set", ["viewer", "Editor", "viewer"])).toEqual(["Editor", "viewer"]);
    expect(await names("add", ["editor", "viewer"])).toEqual(["Editor", "editor", "viewer"]);
    expect(await names("remove", ["Editor"])).toEqual(["editor", "viewer"]);
    expect(await names("remove", ["Editor"])).toEqual(["editor", "viewer"]);
    expect(await space.data("keys.verifyKey", { key })).toMatchObject({
      roles: ["editor", "viewer"],
      permissions: ["by.editor", "by.viewer"],
    });
    const [role] = (await call("set", ["viewer"])).body.data as Role[];
    expect(role?.permissions).toEqual([expect.objectContaining({ slug: "by.viewer" })]);
    expect(await names("set", [])).toEqual([]);
    expect(await space.data("keys.verifyKey", { key })).not.toHaveProperty("roles");
  });

  test.each(["set", "add", "remove"] as const)(
    "that do not exist are a 404 for %s, which names the first and changes nothing",
    async (verb) => {
      const before = await dump(server.services.engine.db, space.id);
      const { roleId } = await space.data("permissions.createRole", { name: "late" });
      for (const missing of ["EDITOR", roleId, "editor "]) {
        const reply = await call(verb, ["viewer", missing, "nobody"]);
        expect(reply.status).toBe(404);
        expect(reply.body.error.detail).toContain(JSON.stringify(missing));
      }
      const after = await dump(server.services.engine.db, space.id);
      expect(after["keyRoles"]).toEqual(before["keyRoles"]);
    },
  );

  test("are set, added and removed with update_key in the key's api, and nothing else", async () => {
    for (const scope of ["*", apiId]) {
      const rootKey = await space.keyWith(`api.${scope}.update_key`);
      for (const verb of ["set", "remove", "add"] as const) {
        expect((await call(verb, ["editor"], { rootKey })).status).toBe(200);
      }
    }
    const elsewhere = await space.keyWith("api.api_other.update_key");
    const forRoles = await space.keyWith("rbac.*.add_role_to_key", "rbac.*.remove_role_from_key");
    for (const verb of ["set", "remove", "add"] as const) {
      expect((await call(verb, ["editor"], { rootKey: elsewhere })).status).toBe(404);
      expect((await call(verb, ["editor"], { rootKey: forRoles })).status).toBe(403);
    }
  });

  test("set by many callers at once are exactly one of the sets", async () => {
    const sets = [["editor", "viewer"], ["Editor"]];
    await statuses(20, (index) => call("set", sets[index % 2] ?? []));
    const { roles } = await space.data("keys.verifyKey", { key });
    expect(sets).toContainEqual(roles);
  });
});
