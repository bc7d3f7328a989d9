import type { Migration } from "../migration.ts";

/**
 * `grants` has the plain permissions for which the permissions of a root key stand: a permission may be a URN, which names
 * a keyspace and stands for permissions on its api. The index finds the api of a keyspace.
 */
export const rootKeyGrants: Migration = {
  name: "0030_rootKeyGrants",
  statements: ({ text }) => [
    `alter table "rootKeys" add column "grants" ${text}`,
    `create index "apisByKeyspace" on "apis" ("workspaceId", "keyspaceId")`,
  ],
};
