import type { Migration } from "../migration.ts";

/**
 * Counts that the one server of a SQLite file has in memory and has not added to the minutes yet, as compressed numbers. A server
 * adds what it finds when it starts.
 */
export const usagePending: Migration = {
  name: "0032_usagePending",
  statements: ({ int64, bytes, tableEnd }) => [
    `create table "usagePending" ("id" ${int64} primary key, "body" ${bytes} not null) ${tableEnd}`,
  ],
};
