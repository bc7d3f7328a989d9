import type { Migration } from "../migration.ts";

/**
 * Indexes for keys that were imported with another hash than SHA-256, such as bcrypt; it is in `hash` until their first
 * verification. While these indexes are empty, a look-up costs next to nothing. The second index has only keys whose hash
 * has a salt. A salted hash cannot be computed from a presented key, so such a key is looked up by its first characters.
 */
export const oldHashes: Migration = {
  name: "0033_oldHashes",
  statements: () => [
    `create index "keysUnderOldHash" on "keys" ("workspaceId") where "pendingMigrationId" = 'oldHash'`,
    `create index "keysUnderSaltedHash" on "keys" ("workspaceId", "start")
      where "pendingMigrationId" = 'oldHash' and substr("hash", 1, 1) = '$'`,
  ],
};
