import type { Migration } from "../migration.ts";

/** Indexes for lists of keys in each order, by identity and by role. */
export const keyLists: Migration = {
  name: "0011_keyLists",
  statements: () => [
    `create index "liveKeysByWorkspace" on "keys" ("workspaceId", "id") where "deletedAtMs" is null`,
    `create index "liveKeysByExpiry" on "keys" ("workspaceId", "expiresAtMs", "id")
      where "deletedAtMs" is null and "expiresAtMs" is not null`,
    `create index "liveKeysByIdentity" on "keys" ("workspaceId", "identityId", "id")
      where "deletedAtMs" is null and "identityId" is not null`,
    `create index "keyRolesByRoleAndKey" on "keyRoles" ("roleId", "keyId")`,
    `drop index "keyRolesByRole"`,
  ],
};
