import type { Migration } from "../migration.ts";

/**
 * `grants` has the plain permissions of a root key, such as `api.*.verify_key`. Its `permissions` may also be URNs.
 * Such a URN names a keyspace, and stands for plain permissions on the keyspace's api. The index finds the api of a
 * keyspace.
 */
export const rootKeyGrants: Migration = {
  name: "0030_rootKeyGrants",
  statements: ({ text }) => [
    `alter table "rootKeys" add column "grants" ${text}`,
    `create index "apisByKeyspace" on "apis" ("workspaceId", "keyspaceId")`,
  ],
};
