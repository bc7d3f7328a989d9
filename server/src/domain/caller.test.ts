import { expect, test } from "bun:test";
import fc from "fast-check";
import { actions, type Caller, idsWith, isPermission, may, mayAll, mayAny, type Resource } from "./caller.ts";

const resources = Object.keys(actions) as Resource[];
const every = resources.flatMap((resource) => actions[resource].map((action) => ({ resource, action })));

function callerWith(...permissions: string[]): Caller {
  return { workspaceId: "ws_1", rootKeyId: "root_1", permissions: new Set(permissions) };
}

test("a caller without permissions may do nothing", () => {
  for (const { resource, action } of every) {
    expect(may(callerWith(), resource, "id_1", action)).toBe(false);
    expect(mayAny(callerWith(), resource, action)).toBe(false);
  }
});

test("`*` alone permits everything but the server's status", () => {
  for (const { resource, action } of every) {
    const permits = resource !== "server";
    expect(may(callerWith("*"), resource, "id_1", action)).toBe(permits);
    expect(mayAll(callerWith("*"), resource, action)).toBe(permits);
  }
});

test("a permission for all things of a kind permits exactly that action on that kind", () => {
  for (const held of every) {
    const caller = callerWith(`${held.resource}.*.${held.action}`);
    for (const { resource, action } of every) {
      const same = resource === held.resource && action === held.action;
      expect(may(caller, resource, "id_1", action)).toBe(same);
      expect(mayAll(caller, resource, action)).toBe(same);
      expect(mayAny(caller, resource, action)).toBe(same);
    }
  }
});

test("a permission for one thing permits exactly that action on exactly that thing", () => {
  for (const held of every) {
    const caller = callerWith(`${held.resource}.id_1.${held.action}`);
    for (const { resource, action } of every) {
      const same = resource === held.resource && action === held.action;
      expect(may(caller, resource, "id_1", action)).toBe(same);
      expect(may(caller, resource, "id_2", action)).toBe(false);
      expect(mayAll(caller, resource, action)).toBe(false);
      expect(mayAny(caller, resource, action)).toBe(same);
      expect(idsWith(caller, resource, action)).toEqual(same ? ["id_1"] : []);
    }
  }
});

test("the ids that are listed are exactly those that are permitted one by one", () => {
  const ids = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
  const one = fc.constantFrom(...every);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(one, ids), { maxLength: 12 }), one, ids, (held, asked, id) => {
      const caller = callerWith(...held.map(([{ resource, action }, of]) => `${resource}.${of}.${action}`));
      const listed = idsWith(caller, asked.resource, asked.action);
      expect(listed.includes(id)).toBe(may(caller, asked.resource, id, asked.action));
      for (const of of listed) expect(may(caller, asked.resource, of, asked.action)).toBe(true);
    }),
  );
});

test("every action of the table is a permission, for all and, except on the server, for one", () => {
  for (const { resource, action } of every) {
    expect(isPermission(`${resource}.*.${action}`)).toBe(true);
    expect(isPermission(`${resource}.id_1.${action}`)).toBe(resource !== "server");
  }
  expect(isPermission("*")).toBe(true);
});

test.each([
  "",
  "**",
  "identity",
  "identity.*",
  "identity.*.*",
  "identity..read_identity",
  "identity.*.read_api",
  "identity.*.read_identity.more",
  "identity.* .read_identity",
  "Identity.*.read_identity",
  "constructor.*.name",
  "__proto__.*.toString",
  "identity.id-1.read_identity",
  " identity.*.read_identity",
])("a root key cannot have the permission %p", (text) => {
  expect(isPermission(text)).toBe(false);
});
