/** The kinds of things a permission can be about. */
export type Resource = "identity" | "api" | "rbac" | "ratelimit" | "audit";

/** Who asks: a root key, the workspace it manages, and the permissions it holds, as `<resource>.<id or *>.<action>`. */
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
  return caller.permissions.has(`${resource}.*.${action}`);
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
