import type { Migration } from "../migration.ts";

/**
 * The keyspace of an api. Null if a node of an older version creates the api after this migration: `keyspaceIdOf` derives
 * the same id.
 */
export const keyspaces: Migration = {
  name: "0017_keyspaces",
  statements: ({ text }) => [
    `alter table "apis" add column "keyspaceId" ${text}`,
    `update "apis" set "keyspaceId" = 'ks_' || substr("id", 5)`,
  ],
};
