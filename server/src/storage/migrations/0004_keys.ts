import type { Migration } from "../migration.ts";

/**
 * Keys that were migrated from another system, and recoverable keys. A migrated key has a `pendingMigrationId` until
 * its first verification. `sealed` is the key itself, encrypted with the server's recovery key.
 */
export const keys: Migration = {
  name: "0004_keys",
  statements: ({ text, int64, tableEnd }) => [
    `create table "keyMigrations" ("id" ${text} primary key, "workspaceId" ${text} not null,
      "algorithm" ${text} not null, "createdAtMs" ${int64} not null) ${tableEnd}`,
    `alter table "keys" add column "pendingMigrationId" ${text}`,
    `alter table "keys" add column "sealed" ${text}`,
  ],
};
