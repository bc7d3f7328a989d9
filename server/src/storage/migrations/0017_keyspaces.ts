import type { Migration } from "../migration.ts";

/**
 * The id of an api's keyspace. The column is null for an api that a node of an older version creates after this
 * migration. For such an api, `keyspaceIdOf` derives the keyspace's id in the same way as this migration.
 */
export const keyspaces: Migration = {
  name: "0017_keyspaces",
  statements: ({ text }) => [
    `alter table "apis" add column "keyspaceId" ${text}`,
    `update "apis" set "keyspaceId" = 'ks_' || substr("id", 5)`,
  ],
};
