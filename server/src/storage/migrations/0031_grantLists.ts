import type { Migration } from "../migration.ts";

/** Indexes for lists of permissions and roles in the order of their creation. */
export const grantLists: Migration = {
  name: "0031_grantLists",
  statements: () => [
    `create index "permissionsByWorkspace" on "permissions" ("workspaceId", "id")`,
    `create index "rolesByWorkspace" on "roles" ("workspaceId", "id")`,
  ],
};
