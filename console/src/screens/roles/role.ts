import type { Item } from "../../data/api.ts";

export type Role = Item<"permissions.listRoles">;

/** The permissions that a session needs to change the permissions of a role. */
export const setPermissionsNeeds = [
  "rbac.*.add_permission_to_role",
  "rbac.*.remove_permission_from_role",
] as const;
