import type { Migration } from "../migration.ts";

/**
 * The keyspace of an api. If a node of an older version creates an api after this migration, the column is null, and
 * `keyspaceIdOf` derives the same id.
 */
export const keyspaces: Migration = {
  name: "0017_keyspaces",
  statements: ({ text }) => [
    `alter table "apis" add column "keyspaceId" ${text}`,
    `update "apis" set "keyspaceId" = 'ks_' || substr("id", 5)`,
  ],
};
