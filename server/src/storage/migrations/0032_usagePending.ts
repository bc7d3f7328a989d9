import type { Migration } from "../migration.ts";

/**
 * Usage counts that the server of a SQLite file has in memory and has not added to `usageMinutes` yet, as compressed
 * numbers. If the server is killed, it adds these counts when it starts again.
 */
export const usagePending: Migration = {
  name: "0032_usagePending",
  statements: ({ int64, bytes, tableEnd }) => [
    `create table "usagePending" ("id" ${int64} primary key, "body" ${bytes} not null) ${tableEnd}`,
  ],
};
