import type { Migration } from "../migration.ts";

/**
 * Keys that were imported without a hash. They wait, found by their first characters, until the upstream server
 * recognizes one. `learnedAtMs` is when that happened.
 */
export const waitingKeys: Migration = {
  name: "0025_waitingKeys",
  statements: ({ int64 }) => [
    `alter table "keys" add column "learnedAtMs" ${int64}`,
    `create index "keysWaiting" on "keys" ("workspaceId", "start") where "pendingMigrationId" is not null`,
    `create index "keysLearned" on "keys" ("workspaceId", "id") where "learnedAtMs" is not null`,
  ],
};
