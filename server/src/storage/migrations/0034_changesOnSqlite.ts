import type { Migration } from "../migration.ts";

/**
 * A table by which a server on a SQLite file learns which records a command has changed. On PostgreSQL, the nodes have
 * such a table already.
 */
export const changesOnSqlite: Migration = {
  name: "0034_changesOnSqlite",
  statements: ({ engine, text, tableEnd }) =>
    engine === "sqlite"
      ? [`create table "changes" ("id" integer primary key, "ids" ${text} not null) ${tableEnd}`]
      : [],
};
