import type { Migration } from "../migration.ts";

/**
 * Usage events in blocks of compressed text. `share` is 1 for events with an unknown key, and 0 for all other events.
 * `usageGaps` has the time from which the events of a workspace are complete; the workspace id '' stands for all
 * workspaces.
 */
export const usageBlocks: Migration = {
  name: "0012_usageBlocks",
  statements: ({ text, int64, bytes, tableEnd }) => [
    `create table "usageBlocks" ("id" ${text} primary key, "workspaceId" ${text} not null, "share" ${int64} not null,
      "startMs" ${int64} not null, "endMs" ${int64} not null, "count" ${int64} not null, "bytes" ${int64} not null,
      "body" ${bytes} not null) ${tableEnd}`,
    `create index "usageBlocksByTime" on "usageBlocks"
      ("workspaceId", "endMs", "startMs", "share", "bytes", "count", "id")`,
    `create table "usageGaps" ("workspaceId" ${text} primary key, "completeSinceMs" ${int64} not null) ${tableEnd}`,
    `drop table if exists "usageEvents"`,
  ],
};
