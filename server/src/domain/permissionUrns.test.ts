import { expect, test } from "bun:test";
import { isPermission } from "./caller.ts";
import { keyspacesIn, parsePermission, parseUrn } from "./permissionUrns.ts";

const urn = (rest: string, workspace = "ws_1") => `unkey:v1:${workspace}:${rest}`;

const apis = new Map([["ks_1", "api_7"]]);

const ofRoles = ["create_role", "update_role", "add_permission_to_role", "remove_permission_from_role"];

test.each([
  ["keyspaces/*#create_key", ["api.*.create_key"]],
  ["keyspaces/ks_1#create_key", ["api.api_7.create_key"]],
  ["keyspaces/*/keys/*#verify_key", ["api.*.verify_key"]],
  ["keyspaces/ks_1/keys/*#verify_key", ["api.api_7.verify_key"]],
  ["keyspaces/*/keys/*#encrypt_key", ["api.*.encrypt_key"]],
  ["rootKeys/*#read", ["root_key.*.read_root_key"]],
  ["rootKeys/root_1#read", ["root_key.root_1.read_root_key"]],
  ["rootKeys/*#write", ["root_key.*.create_root_key", "root_key.*.update_root_key"]],
  ["rootKeys/root_1#write", ["root_key.root_1.update_root_key"]],
  ["rootKeys/root_1#delete", ["root_key.root_1.delete_root_key"]],
  ["usage#read", ["api.*.read_analytics", "ratelimit.*.read_analytics"]],
  ["limits#read", ["workspace.*.read_limits"]],
  ["projects/p1/rbac/roles/*#write", ofRoles.map((action) => `rbac.*.${action}`)],
  ["projects/*/rbac/permissions/*#delete", ["rbac.*.delete_permission"]],
  ["identities/id_1#read_identity", ["identity.id_1.read_identity"]],
  ["apis/api_1#delete_api", ["api.api_1.delete_api"]],
  ["ratelimits/*#limit", ["ratelimit.*.limit"]],
])("%s stands for %j, all of which root keys can hold", (path, permissions) => {
  expect(parseUrn(urn(path), "ws_1", apis)).toEqual({ permissions });
  expect(parseUrn(urn(path, "*"), "ws_1", apis)).toEqual({ permissions });
  expect(permissions.filter((one) => !isPermission(one))).toEqual([]);
});

test.each([
  ["keyspaces/*/keys/key_1#verify_key", "names a single resource", "keyspaces/*/keys/key_1"],
  ["keyspaces/ks_1/keys/key_1#verify_key", "names a single resource", "keyspaces/ks_1/keys/key_1"],
  ["keyspaces/ks_2#create_key", "names the keyspace", "ks_2"],
  ["keyspaces/ks_2/keys/*#read_key", "names the keyspace", "ks_2"],
  ["projects/p1/rbac/roles/role_1#write", "names a single resource", "roles/role_1"],
  ["portals#read", "has no counterpart on this server", "portals#read"],
  ["keyspaces/*#fly", "has no counterpart on this server", "keyspaces/*#fly"],
  ["keyspaces/*", "is not a permission", ""],
])("%s %s, which names it", (path, message, named) => {
  const parsed = parseUrn(urn(path), "ws_1", apis);
  const said = "flaw" in parsed ? parsed.flaw.message : "";
  expect(said).toStartWith(message);
  expect(said).toContain(named);
});

test("each keyspace that a URN names by its id is found, once", () => {
  const paths = ["keyspaces/ks_1#create_key", "keyspaces/ks_1/keys/*#read_key", "keyspaces/ks_2#create_key"];
  const others = ["keyspaces/*#create_key", "apis/ks_3#read_api"];
  expect(keyspacesIn([...paths, ...others].map((path) => urn(path)))).toEqual(["ks_1", "ks_2"]);
  expect(keyspacesIn(["api.ks_1.read_key", "*"])).toEqual([]);
});

test("a permission that is not a URN stands for itself", () => {
  expect(parsePermission("api.*.read_key", "ws_1", apis)).toEqual({ permissions: ["api.*.read_key"] });
});

test("a URN for another workspace stands for nothing", () => {
  const flaw = { message: "is for the workspace ws_2", fix: "send one for ws_1" };
  expect(parseUrn(urn("usage#read", "ws_2"), "ws_1", apis)).toEqual({ flaw });
});
