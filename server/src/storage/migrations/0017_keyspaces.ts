import type { Migration } from "../migration.ts";

/**
 * The id of an api's keyspace. If a node of an older version creates an api after this migration, the column is null.
 * `keyspaceIdOf` then derives the id in the same way as this migration does.
 */
export const keyspaces: Migration = {
  name: "0017_keyspaces",
  statements: ({ text }) => [
    `alter table "apis" add column "keyspaceId" ${text}`,
    `update "apis" set "keyspaceId" = 'ks_' || substr("id", 5)`,
  ],
};
