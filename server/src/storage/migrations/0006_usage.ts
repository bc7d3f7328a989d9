import type { Migration } from "../migration.ts";

/**
 * Usage: counts by period, the last use of each key, and recent single events. The tables may already exist in a SQLite
 * usage file, because the first versions created such files without recording a migration.
 */
export const usage: Migration = {
  name: "0006_usage",
  statements: ({ text, int64, tableEnd }) => [
    `create table if not exists "usage" ("workspaceId" ${text} not null, "subjectId" ${text} not null,
      "period" ${text} not null, "startMs" ${int64} not null, "outcome" ${text} not null, "tag" ${text} not null,
      "count" ${int64} not null, "credits" ${int64} not null,
      primary key ("workspaceId", "subjectId", "period", "startMs", "outcome", "tag")) ${tableEnd}`,
    `create index if not exists "usageByAge" on "usage" ("period", "startMs")`,
    `create table if not exists "lastUses" ("workspaceId" ${text} not null, "keyId" ${text} not null,
      "atMs" ${int64} not null, primary key ("workspaceId", "keyId")) ${tableEnd}`,
    `create table if not exists "usageEvents" ("id" ${text} primary key, "workspaceId" ${text} not null,
      "atMs" ${int64} not null, "event" ${text} not null) ${tableEnd}`,
    `create index if not exists "usageEventsByAge" on "usageEvents" ("atMs")`,
  ],
};
