import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { dump } from "../../../test/tables.ts";
import { makeWorkspace, statuses, type Workspace } from "../../../test/workspace.ts";

type Permission = { id: string; slug: string; name: string };
type Role = { name: string; permissions?: Permission[] };

describe.each(engines)("on $name, the permissions of a key", (engine) => {
  let server: TestServer;
  let space: Workspace;
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    space = await makeWorkspace(server);
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

  test("are replaced, added and taken; each answer is what the key then has directly", async () => {
    expect(await slugs("set", ["b", "a", "b"])).toEqual(["a", "b"]);
    expect(await held()).toEqual(["a", "b", "write"]);
    expect(await slugs("add", ["c", "a"])).toEqual(["a", "b", "c"]);
    expect(await slugs("remove", ["b", "read"])).toEqual(["a", "c"]); // one it has not is none to take
    expect(await held()).toEqual(["a", "c", "write"]);
    expect(await slugs("set", [])).toEqual([]);
    expect(await held()).toEqual(["write"]);
  });

  test("that it has through a role are neither answered nor taken", async () => {
    expect(await slugs("remove", ["write"])).toEqual(["read"]);
    expect(await held()).toEqual(["read", "write"]);
    expect(await slugs("add", ["write"])).toEqual(["read", "write"]);
    expect(await slugs("set", ["read"])).toEqual(["read"]);
    expect(await held()).toEqual(["read", "write"]);
  });

  test("are told with id, name and slug, those of an existing slug with its own", async () => {
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

  test("that do not exist are made only for callers that may make them", async () => {
    const needs = ["api.*.update_key", "rbac.*.add_permission_to_key", "rbac.*.remove_permission_from_key"];
    const rootKey = await space.keyWith(...needs);
    const before = await state();
    for (const verb of ["set", "add"] as const) {
      const reply = await call(verb, ["write", "new.one"], { rootKey });
      expect(reply.status).toBe(403);
      expect(reply.body.error.detail).toContain("rbac.*.create_permission");
    }
    expect(await state()).toEqual(before);
    expect(await slugs("add", ["write"], { rootKey })).toEqual(["read", "write"]);
    const maker = await space.keyWith(...needs, "rbac.*.create_permission");
    expect(await slugs("add", ["new.one"], { rootKey: maker })).toEqual(["new.one", "read", "write"]);
  });

  test.each([
    ["set", ["rbac.*.add_permission_to_key", "rbac.*.remove_permission_from_key"]],
    ["add", ["rbac.*.add_permission_to_key"]],
    ["remove", ["rbac.*.remove_permission_from_key"]],
  ] as const)("%s needs update_key and %j, each of them", async (verb, extra) => {
    const all = [`api.${apiId}.update_key`, ...extra];
    expect((await call(verb, ["read"], { rootKey: await space.keyWith(...all) })).status).toBe(200);
    for (const missing of all) {
      const rootKey = await space.keyWith(...all.filter((one) => one !== missing));
      expect((await call(verb, ["read"], { rootKey })).status).toBe(403);
    }
    const elsewhere = await space.keyWith("api.api_other.update_key", ...extra);
    expect((await call(verb, ["read"], { rootKey: elsewhere })).status).toBe(404);
  });

  test("given by 20 callers at once are all there", async () => {
    const wanted = Array.from({ length: 20 }, (_, index) => `p${index}`);
    expect(await statuses(20, (index) => call("add", [`p${index}`, "shared"]))).toEqual({ 200: 20 });
    expect(await held()).toEqual([...wanted, "read", "shared", "write"].sort());
  });

  test("are connected and disconnected in the trail, by ids, and nothing is told of what stays", async () => {
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
  let server: TestServer;
  let space: Workspace;
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    space = await makeWorkspace(server);
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

  test("are replaced, added and taken; each answer is what the key then has, with their permissions", async () => {
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

  test("adding needs a permission of its own; replacing and taking need update_key only", async () => {
    const rootKey = await space.keyWith("api.*.update_key");
    expect((await call("set", ["editor"], { rootKey })).status).toBe(200);
    expect((await call("remove", ["editor"], { rootKey })).status).toBe(200);
    expect((await call("add", ["editor"], { rootKey })).status).toBe(403);
    const adder = await space.keyWith("api.*.update_key", "rbac.*.add_role_to_key");
    expect((await call("add", ["editor"], { rootKey: adder })).status).toBe(200);
    const elsewhere = await space.keyWith("api.api_other.update_key");
    expect((await call("set", ["editor"], { rootKey: elsewhere })).status).toBe(404);
  });

  test("set by many at once are one of the sets as a whole", async () => {
    const sets = [["editor", "viewer"], ["Editor"]];
    await statuses(20, (index) => call("set", sets[index % 2] ?? []));
    const { roles } = await space.data("keys.verifyKey", { key });
    expect(sets).toContainEqual(roles);
  });
});
