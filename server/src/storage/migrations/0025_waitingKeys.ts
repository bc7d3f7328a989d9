import type { Migration } from "../migration.ts";

/**
 * Waiting keys: keys that were imported without a hash. When such a key is first used, the upstream server says which
 * key it is, and this server stores its hash; `learnedAtMs` is the time of that. Until then, the key is looked up by
 * its first characters.
 */
export const waitingKeys: Migration = {
  name: "0025_waitingKeys",
  statements: ({ int64 }) => [
    `alter table "keys" add column "learnedAtMs" ${int64}`,
    `create index "keysWaiting" on "keys" ("workspaceId", "start") where "pendingMigrationId" is not null`,
    `create index "keysLearned" on "keys" ("workspaceId", "id") where "learnedAtMs" is not null`,
  ],
};
