/** What can be permitted: the actions on each kind of thing. */
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
} as const;

export type Resource = keyof typeof actions;

/** Who asks: a root key, the workspace it manages, and the permissions it holds, each `<resource>.<id or *>.<action>`, or `*` for all. */
export type Caller = {
  workspaceId: string;
  rootKeyId: string;
  permissions: ReadonlySet<string>;
};

/** Whether the caller may do `action` to the one thing `id`. */
export function may(caller: Caller, resource: Resource, id: string, action: string): boolean {
  return mayAll(caller, resource, action) || caller.permissions.has(`${resource}.${id}.${action}`);
}

/** Whether the caller may do `action` to every thing of this kind. */
export function mayAll(caller: Caller, resource: Resource, action: string): boolean {
  return caller.permissions.has("*") || caller.permissions.has(`${resource}.*.${action}`);
}

/** Whether the caller may do `action` to anything of this kind at all. */
export function mayAny(caller: Caller, resource: Resource, action: string): boolean {
  return mayAll(caller, resource, action) || idsWith(caller, resource, action).length > 0;
}

/** The ids for which the caller holds `action` one by one. */
export function idsWith(caller: Caller, resource: Resource, action: string): string[] {
  const head = `${resource}.`;
  const tail = `.${action}`;
  return [...caller.permissions]
    .filter((held) => held.startsWith(head) && held.endsWith(tail) && held.length > head.length + tail.length)
    .map((held) => held.slice(head.length, -tail.length))
    .filter((id) => id !== "*" && !id.includes("."));
}

/** Whether this is a permission that a root key can hold. */
export function isPermission(text: string): boolean {
  if (text === "*") return true;
  const [resource = "", id = "", action = "", ...rest] = text.split(".");
  const known: readonly string[] = Object.hasOwn(actions, resource) ? actions[resource as Resource] : [];
  return rest.length === 0 && /^(\*|[A-Za-z0-9_]+)$/.test(id) && known.includes(action);
}
