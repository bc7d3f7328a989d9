import type { Migration } from "../migration.ts";

/**
 * Keys from another system, and recoverable keys. `pendingMigrationId` is set while a key from another system waits for
 * its first verification, which gives us its SHA-256. `sealed` is the key itself, encrypted with the server's recovery
 * key.
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
