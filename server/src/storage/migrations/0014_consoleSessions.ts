import type { Migration } from "../migration.ts";

/** Console sessions, and a column for audit events that says whether the console caused them. */
export const consoleSessions: Migration = {
  name: "0014_consoleSessions",
  statements: ({ text, int64, tableEnd }) => [
    `create table "consoleSessions" ("id" ${text} primary key, "workspaceId" ${text} not null,
      "rootKeyId" ${text} not null, "byLink" ${int64} not null, "createdAtMs" ${int64} not null,
      "seenAtMs" ${int64} not null) ${tableEnd}`,
    `create index "consoleSessionsByRootKey" on "consoleSessions" ("rootKeyId", "createdAtMs")`,
    `create index "consoleSessionsByAge" on "consoleSessions" ("createdAtMs")`,
    `alter table "auditEvents" add column "via" ${text}`,
  ],
};
