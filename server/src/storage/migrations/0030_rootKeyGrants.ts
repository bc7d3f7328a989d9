import type { Migration } from "../migration.ts";

/**
 * `grants` has the plain permissions of a root key, such as `api.*.verify_key`. The column `permissions` may have URNs,
 * too. A URN that names a keyspace stands for plain permissions on the keyspace's api. The index finds the api of a
 * keyspace.
 */
export const rootKeyGrants: Migration = {
  name: "0030_rootKeyGrants",
  statements: ({ text }) => [
    `alter table "rootKeys" add column "grants" ${text}`,
    `create index "apisByKeyspace" on "apis" ("workspaceId", "keyspaceId")`,
  ],
};
