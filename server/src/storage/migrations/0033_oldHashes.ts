import type { Migration } from "../migration.ts";

/**
 * Keys that were imported with a hash of another scheme than SHA-256, which is their `hash` until their first
 * verification. While these indexes are empty, a look-up costs next to nothing. Keys are looked up by their start only if
 * their hash has a salt: many others may have the same one.
 */
export const oldHashes: Migration = {
  name: "0033_oldHashes",
  statements: () => [
    `create index "keysUnderOldHash" on "keys" ("workspaceId") where "pendingMigrationId" = 'oldHash'`,
    `create index "keysUnderSaltedHash" on "keys" ("workspaceId", "start")
      where "pendingMigrationId" = 'oldHash' and substr("hash", 1, 1) = '$'`,
  ],
};
