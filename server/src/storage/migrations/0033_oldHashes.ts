import type { Migration } from "../migration.ts";

/**
 * Indexes for keys that were imported with another hash than SHA-256, such as bcrypt. The column `hash` has that hash
 * until the first verification of the key. While there are no such keys, a look-up in these indexes costs next to
 * nothing. The second index has only keys whose hash has a salt. Without the salt, the hash of a presented key cannot
 * be computed, so these keys are looked up by their first characters.
 */
export const oldHashes: Migration = {
  name: "0033_oldHashes",
  statements: () => [
    `create index "keysUnderOldHash" on "keys" ("workspaceId") where "pendingMigrationId" = 'oldHash'`,
    `create index "keysUnderSaltedHash" on "keys" ("workspaceId", "start")
      where "pendingMigrationId" = 'oldHash' and substr("hash", 1, 1) = '$'`,
  ],
};
