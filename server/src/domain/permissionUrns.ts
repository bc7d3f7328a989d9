import { actions } from "./caller.ts";

type Row = readonly [path: string, action: string, permissions: readonly string[]];

/**
 * Which of our permissions the URNs of Unkey's newer root keys stand for: `unkey:v1:<workspace>:<path>#<action>`. In a
 * path, `{*}` matches only `*`, and `{}` matches an id or `*`, which replaces the `{}` of the permission. But the id of
 * a keyspace is replaced by the id of the keyspace's api.
 */
const table: readonly Row[] = [
  ["keyspaces/{}", "create_key", ["api.{}.create_key"]],
  ...["verify_key", "read_key", "update_key", "delete_key", "decrypt_key", "encrypt_key"].map(
    (action): Row => ["keyspaces/{}/keys/{*}", action, [`api.{}.${action}`]],
  ),
  ["rootKeys/{}", "read", ["root_key.{}.read_root_key"]],
  ["rootKeys/{*}", "write", ["root_key.*.create_root_key", "root_key.*.update_root_key"]],
  ["rootKeys/{}", "write", ["root_key.{}.update_root_key"]],
  ["rootKeys/{}", "delete", ["root_key.{}.delete_root_key"]],
  ["usage", "read", ["api.*.read_analytics", "ratelimit.*.read_analytics"]],
  ["limits", "read", ["workspace.*.read_limits"]],
  ...rbac("role", ["add_permission_to_role", "remove_permission_from_role"]),
  ...rbac("permission", []),
  ...each("identities/{}", "identity", actions.identity),
  ...each("apis/{}", "api", ["create_api", "read_api", "update_api", "delete_api", "read_analytics"]),
  ...each("ratelimits/{}", "ratelimit", actions.ratelimit),
];

function rbac(thing: "role" | "permission", writes: readonly string[]): Row[] {
  const path = `projects/{}/rbac/${thing}s/{*}`;
  const own = (verbs: readonly string[]) => verbs.map((verb) => `rbac.*.${verb}_${thing}`);
  return [
    [path, "read", own(["read"])],
    [path, "write", [...own(["create", "update"]), ...writes.map((action) => `rbac.*.${action}`)]],
    [path, "delete", own(["delete"])],
  ];
}

function each(path: string, resource: string, actions: readonly string[]): Row[] {
  return actions.map((action) => [path, action, [`${resource}.{}.${action}`]]);
}

export type UrnFlaw = { message: string; fix: string };

export function isUrn(permission: string): boolean {
  return permission.startsWith("unkey:");
}

/** The ids of the keyspaces that these permissions name, if they are URNs. */
export function keyspacesIn(permissions: readonly string[]): string[] {
  const ids = permissions.flatMap((one) => /^unkey:v1:[^:#]*:keyspaces\/(\w+)[/#]/.exec(one)?.[1] ?? []);
  return [...new Set(ids)];
}

/** Maps the id of each keyspace to the id of its api. */
export type ApisByKeyspace = ReadonlyMap<string, string>;

/**
 * The permissions that a URN stands for in this workspace. `message` and `fix` are parts of a sentence: no capital, no
 * full stop.
 */
export function parseUrn(
  urn: string,
  workspaceId: string,
  apis: ApisByKeyspace,
): { permissions: string[] } | { flaw: UrnFlaw } {
  const [, workspace = "", path = "", action = ""] = /^unkey:v1:([^:#]*):([^:#]*)#([^:#]*)$/.exec(urn) ?? [];
  if (path === "") return { flaw: malformed };
  if (workspace !== workspaceId && workspace !== "*") {
    return { flaw: { message: `is for the workspace ${workspace}`, fix: `send one for ${workspaceId}` } };
  }
  const row = table.find(([pattern, known]) => known === action && idIn(path, pattern) !== undefined);
  if (row === undefined) return { flaw: flawOf(path, action) };
  const [pattern, , permissions] = row;
  const named = idIn(path, pattern) ?? "*";
  const id = named === "*" || !pattern.startsWith("keyspaces/") ? named : apis.get(named);
  if (id === undefined) return { flaw: unknownKeyspace(named) };
  return { permissions: permissions.map((one) => one.replace("{}", id)) };
}

/** The permissions that a permission in a request stands for: itself, unless it is a URN. */
export function parsePermission(
  permission: string,
  workspaceId: string,
  apis: ApisByKeyspace,
): ReturnType<typeof parseUrn> {
  return isUrn(permission) ? parseUrn(permission, workspaceId, apis) : { permissions: [permission] };
}

const malformed: UrnFlaw = {
  message: "is not a permission",
  fix: "write a URN as `unkey:v1:<workspace id>:<path>#<action>`, such as `unkey:v1:*:keyspaces/*#create_key`",
};

function unknownKeyspace(id: string): UrnFlaw {
  return {
    message: `names the keyspace ${id}, which this workspace does not have`,
    fix: "send the `keyspaceId` of an api, as apis.getApi returns it, or `*` for all apis",
  };
}

/**
 * The part of the path at the pattern's last `{}`, or `*` if the pattern has no `{}`. Undefined if the path does not
 * match the pattern.
 */
function idIn(path: string, pattern: string): string | undefined {
  const parts = path.split("/");
  const wanted = pattern.split("/");
  if (parts.length !== wanted.length) return undefined;
  let id = "*";
  for (const [index, want] of wanted.entries()) {
    const part = parts[index] ?? "";
    if (want === "{}" && /^(\*|[A-Za-z0-9_]+)$/.test(part)) id = part;
    else if (part !== (want === "{*}" ? "*" : want)) return undefined;
  }
  return id;
}

function flawOf(path: string, action: string): UrnFlaw {
  const isSingle = table.some(
    ([pattern, known]) => known === action && idIn(path, pattern.replaceAll("{*}", "{}")) !== undefined,
  );
  if (!isSingle) return { message: `has no counterpart on this server: ${path}#${action}`, fix: "omit it" };
  return {
    message: `names a single resource, and this server has no such permission: ${path}`,
    fix: "use `*` instead of its id, or a permission such as `api.<id>.read_key`",
  };
}
