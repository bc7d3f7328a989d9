import type { Migration } from "../migration.ts";

/**
 * The plain permissions that the permissions of a root key stand for: a URN may name a keyspace and then stands for
 * permissions on its api. And an index to find the api of a keyspace.
 */
export const rootKeyGrants: Migration = {
  name: "0030_rootKeyGrants",
  statements: ({ text }) => [
    `alter table "rootKeys" add column "grants" ${text}`,
    `create index "apisByKeyspace" on "apis" ("workspaceId", "keyspaceId")`,
  ],
};
