import type { Migration } from "../migration.ts";

/**
 * A digest of the fields that a migrated key was created from. By this digest, a repeated request to migrate keys
 * recognizes the keys that the first request has created.
 */
export const migratedKeys: Migration = {
  name: "0009_migratedKeys",
  statements: ({ text }) => [
    `alter table "keys" add column "migratedFrom" ${text}`,
    `create unique index "keysByMigration" on "keys" ("workspaceId", "migratedFrom") where "migratedFrom" is not null`,
  ],
};
