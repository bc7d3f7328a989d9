import { closest } from "./closest.ts";

/** The actions that a root key can be permitted, by resource. */
export const actions = {
  identity: ["create_identity", "read_identity", "update_identity", "delete_identity"],
  api: [
    "create_api",
    "read_api",
    "update_api",
    "delete_api",
    "create_key",
    "read_key",
    "update_key",
    "delete_key",
    "verify_key",
    "encrypt_key",
    "decrypt_key",
    "read_analytics",
  ],
  rbac: [
    "create_permission",
    "read_permission",
    "update_permission",
    "delete_permission",
    "create_role",
    "read_role",
    "update_role",
    "delete_role",
    "add_permission_to_key",
    "remove_permission_from_key",
    "add_role_to_key",
    "remove_role_from_key",
    "add_permission_to_role",
    "remove_permission_from_role",
  ],
  ratelimit: [
    "limit",
    "create_namespace",
    "read_namespace",
    "update_namespace",
    "delete_namespace",
    "set_override",
    "read_override",
    "delete_override",
    "list_overrides",
    "read_analytics",
  ],
  audit: ["read_event"],
  workspace: ["read_workspace", "read_limits"],
  root_key: ["create_root_key", "read_root_key", "update_root_key", "delete_root_key"],
  server: ["read_status"],
  // only for getGatewayRequests and getRuntimeLogs, which always return the error `analytics_not_configured`
  project: ["read_gateway_requests", "read_runtime_logs"],
} as const;

export type Resource = keyof typeof actions;

/**
 * A root key, the workspace that it manages, and its permissions. A permission is `<resource>.<id or *>.<action>`, or
 * `*` for everything.
 */
export type Caller = {
  workspaceId: string;
  rootKeyId: string;
  permissions: ReadonlySet<string>;
};

/**
 * `*` does not include this permission, because it concerns all workspaces. Only the command line
 * can give it to a root key.
 */
export const serverPermission = "server.*.read_status";

/** Whether the caller may do `action` with the resource that has this id. */
export function may(caller: Caller, resource: Resource, id: string, action: string): boolean {
  return mayAll(caller, resource, action) || caller.permissions.has(`${resource}.${id}.${action}`);
}

/** Whether the caller may do `action` with all resources of this kind. */
export function mayAll(caller: Caller, resource: Resource, action: string): boolean {
  const { permissions } = caller;
  return (resource !== "server" && permissions.has("*")) || permissions.has(`${resource}.*.${action}`);
}

/** Whether the caller may do `action` with at least one resource of this kind. */
export function mayAny(caller: Caller, resource: Resource, action: string): boolean {
  return mayAll(caller, resource, action) || idsWith(caller, resource, action).length > 0;
}

/** The ids that the caller's permissions for `action` name one by one, without `*`. */
export function idsWith(caller: Caller, resource: Resource, action: string): string[] {
  const head = `${resource}.`;
  const tail = `.${action}`;
  return [...caller.permissions]
    .filter((held) => held.startsWith(head) && held.endsWith(tail) && held.length > head.length + tail.length)
    .map((held) => held.slice(head.length, -tail.length))
    .filter((id) => id !== "*" && !id.includes("."));
}

/** The ids of the resources with which the caller may do `action`, or "all" if it may do it with every resource. */
export function mayAllOrIds(caller: Caller, resource: Resource, action: string): readonly string[] | "all" {
  return mayAll(caller, resource, action) ? "all" : idsWith(caller, resource, action);
}

/**
 * Whether a root key with the permissions `held` may give `permission` to another root key: only if `held` includes it,
 * by name or with `*`.
 */
export function mayGrant(held: readonly string[], permission: string): boolean {
  const [resource = "", , action = ""] = permission.split(".");
  if (permission === serverPermission) return held.includes(permission);
  const covers = permission === "*" ? ["*"] : ["*", `${resource}.*.${action}`, permission];
  return covers.some((one) => held.includes(one));
}

/** The permission that this misspelled text probably means. */
export function closestPermission(text: string): string | undefined {
  const [resource = "", id = "", action = ""] = text.split(".");
  const near = closest(resource, Object.keys(actions));
  const known: readonly string[] = near === undefined ? [] : actions[near as Resource];
  const nearAction = closest(action, known);
  const isId = /^(\*|[A-Za-z0-9_]+)$/.test(id);
  return near === undefined || nearAction === undefined || !isId ? undefined : `${near}.${id}.${nearAction}`;
}

/** Whether this is a permission that a root key can hold. */
export function isPermission(text: string): boolean {
  if (text === "*" || text === serverPermission) return true;
  const [resource = "", id = "", action = "", ...rest] = text.split(".");
  if (resource === "server") return false;
  const known: readonly string[] = Object.hasOwn(actions, resource) ? actions[resource as Resource] : [];
  return rest.length === 0 && /^(\*|[A-Za-z0-9_]+)$/.test(id) && known.includes(action);
}
