import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { statuses } from "../../../test/workspace.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const permit = (slug: string, more = {}) =>
    space.call("permissions.createPermission", { name: "Any name", slug, ...more });
  const role = (name: string, more = {}, options = {}) =>
    space.call("permissions.createRole", { name, ...more }, options);
  const state = () => dump(server.services.engine.db, space.id);

  test("slugs and role names are unique byte for byte, names of permissions are not", async () => {
    for (const slug of ["a.b", "A.b", "a.B", "a-b"]) expect((await permit(slug)).status).toBe(200);
    for (const name of ["editor", "Editor", "éditor", "editor "]) expect((await role(name)).status).toBe(200);
    const before = await state();
    const taken = [await permit("A.b"), await role("Editor", { permissions: ["new.one"] })];
    expect(taken.map(({ status }) => status)).toEqual([409, 409]);
    expect(taken[0]?.body.error.type).toEndWith("/permission_already_exists");
    expect(taken[1]?.body.error.type).toEndWith("/role_already_exists");
    expect(await state()).toEqual(before);
  });

  test("if 20 callers create the same permission or role at once, exactly one succeeds", async () => {
    expect(await statuses(20, () => permit("a.b"))).toEqual({ 200: 1, 409: 19 });
    expect(await statuses(20, () => role("editor", { permissions: ["a.b", "c"] }))).toEqual({
      200: 1,
      409: 19,
    });
  });

  test("a permission and a role are read by id and by name, and an empty description is omitted", async () => {
    const { permissionId: id } = (await permit("a.b", { description: "" })).body.data;
    for (const permission of [id, "a.b"]) {
      expect(await space.data("permissions.getPermission", { permission })).toEqual({
        id,
        name: "Any name",
        slug: "a.b",
      });
    }
    const { roleId } = (await role("editor", { description: "Edits", permissions: ["a.b", "a.b"] })).body
      .data;
    for (const ref of [roleId, "editor"]) {
      expect(await space.data("permissions.getRole", { role: ref })).toEqual({
        id: roleId,
        name: "editor",
        description: "Edits",
        permissions: [{ id, name: "Any name", slug: "a.b" }],
      });
    }
    expect((await space.call("permissions.getRole", { role: "EDITOR" })).status).toBe(404);
  });

  test("creating a role with permissions needs the permission to add them, and new slugs need the one to create them", async () => {
    await permit("known");
    const create = "rbac.*.create_role";
    const add = "rbac.*.add_permission_to_role";
    const attempt = async (name: string, slugs: string[], ...held: string[]) =>
      (await role(name, { permissions: slugs }, { rootKey: await space.keyWith(...held) })).status;
    expect(await attempt("r1", [], create)).toBe(200);
    expect(await attempt("r2", ["known"], create)).toBe(403);
    expect(await attempt("r2", ["known"], create, add)).toBe(200);
    expect(await attempt("r3", ["known", "new"], create, add)).toBe(403);
    expect((await space.call("permissions.getRole", { role: "r3" })).status).toBe(404);
    expect(await attempt("r3", ["known", "new"], create, add, "rbac.*.create_permission")).toBe(200);
  });

  test("a role's permissions are replaced as a whole, its keys have them at once, and an update without a change leaves no event", async () => {
    const { roleId } = (await role("editor", { permissions: ["a", "b"] })).body.data;
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { key } = await space.data("keys.createKey", { apiId, roles: ["editor"] });
    const held = async () => (await space.data("keys.verifyKey", { key })).permissions;
    expect(await held()).toEqual(["a", "b"]);
    const set = (permissions: string[]) =>
      space.data("permissions.setRolePermissions", { roleId, permissions });
    const slugs = (await set(["c", "b", "c"])).map(({ slug }: { slug: string }) => slug);
    expect(slugs.sort()).toEqual(["b", "c"]);
    expect(await held()).toEqual(["b", "c"]);
    const { length } = await space.audit();
    await set(["b", "c"]);
    expect(await space.audit()).toHaveLength(length);
    await set([]);
    expect(await held()).toBeUndefined();
  });

  test("a deleted permission or role is removed from keys and roles, and its name is free", async () => {
    await role("editor", { permissions: ["a", "b"] });
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { key } = await space.data("keys.createKey", { apiId, roles: ["editor"], permissions: ["a", "c"] });
    expect((await space.data("keys.verifyKey", { key })).permissions).toEqual(["a", "b", "c"]);
    expect(await space.data("permissions.deletePermission", { permission: "a" })).toEqual({});
    expect((await space.data("keys.verifyKey", { key })).permissions).toEqual(["b", "c"]);
    expect(await space.data("permissions.deleteRole", { role: "editor" })).toEqual({});
    const verified = await space.data("keys.verifyKey", { key });
    expect([verified.permissions, verified.roles]).toEqual([["c"], undefined]);
    expect((await space.call("permissions.deleteRole", { role: "editor" })).status).toBe(404);
    expect([(await permit("a")).status, (await role("editor")).status]).toEqual([200, 200]);
    // the key does not get the new permission and role of the same names
    expect((await space.data("keys.verifyKey", { key })).permissions).toEqual(["c"]);
  });

  test("repeating a deletion by id deletes no other, even one whose slug or name is the deleted id", async () => {
    const { permissionId } = (await permit("a.b")).body.data;
    const { roleId } = (await role("editor")).body.data;
    await permit(permissionId);
    await role(roleId);
    const remove = async () => [
      (await space.call("permissions.deletePermission", { permission: permissionId })).status,
      (await space.call("permissions.deleteRole", { role: roleId })).status,
    ];
    expect([await remove(), await remove()]).toEqual([
      [200, 200],
      [404, 404],
    ]);
    expect((await space.data("permissions.getPermission", { permission: permissionId })).slug).toBe(
      permissionId,
    );
    expect((await space.data("permissions.getRole", { role: roleId })).name).toBe(roleId);
  });

  test("lists are paged in the order of creation, and searched for literal text in either case", async () => {
    for (const slug of ["doc.read", "doc.write", "a_b", "axb", "other"]) {
      server.clock.advance(1);
      await permit(slug, { name: slug === "other" ? "Has DOC in it" : slug });
    }
    const list = async (body: object) => (await space.call("permissions.listPermissions", body)).body;
    const found = async (search: string) =>
      (await list({ search })).data.map(({ slug }: { slug: string }) => slug);
    expect(await found("DOC")).toEqual(["doc.read", "doc.write", "other"]);
    expect(await found("a_b")).toEqual(["a_b"]);
    expect(await found("%")).toEqual([]);
    expect(await found("  ")).toHaveLength(5);
    const first = await list({ limit: 3 });
    const second = await list({ limit: 3, cursor: first.pagination.cursor });
    const slugs = [...first.data, ...second.data].map(({ slug }: { slug: string }) => slug);
    expect(slugs).toEqual(["doc.read", "doc.write", "a_b", "axb", "other"]);
    expect(second.pagination).toEqual({ hasMore: false });
  });
});
