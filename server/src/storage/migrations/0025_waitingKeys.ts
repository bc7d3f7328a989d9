import type { Migration } from "../migration.ts";

/**
 * Waiting keys that were imported without a hash. At the first verification of such a key, the upstream server says
 * which key it is, and this server stores the key's SHA-256. `learnedAtMs` is the time of this verification. Before it,
 * the key is looked up by its first characters.
 */
export const waitingKeys: Migration = {
  name: "0025_waitingKeys",
  statements: ({ int64 }) => [
    `alter table "keys" add column "learnedAtMs" ${int64}`,
    `create index "keysWaiting" on "keys" ("workspaceId", "start") where "pendingMigrationId" is not null`,
    `create index "keysLearned" on "keys" ("workspaceId", "id") where "learnedAtMs" is not null`,
  ],
};
