import type { Migration } from "../migration.ts";

/**
 * Keys that were imported with a hash of another scheme than SHA-256, which is their `hash` until their first
 * verification. While this index is empty, a look-up costs next to nothing.
 */
export const oldHashes: Migration = {
  name: "0033_oldHashes",
  statements: () => [
    `create index "keysUnderOldHash" on "keys" ("workspaceId", "start") where "pendingMigrationId" = 'oldHash'`,
  ],
};
