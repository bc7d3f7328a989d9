import type { Migration } from "../migration.ts";

/** What the permissions of a root key stand for, and the api of a keyspace that they name. */
export const rootKeyGrants: Migration = {
  name: "0030_rootKeyGrants",
  statements: ({ text }) => [
    `alter table "rootKeys" add column "grants" ${text}`,
    `create index "apisByKeyspace" on "apis" ("workspaceId", "keyspaceId")`,
  ],
};
