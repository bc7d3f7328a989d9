import type { Migration } from "../migration.ts";

/**
 * A table by which a server on a SQLite file learns which records a command such as `latchkey import` has changed.
 * PostgreSQL already has such a table, for its nodes.
 */
export const changesOnSqlite: Migration = {
  name: "0034_changesOnSqlite",
  statements: ({ engine, text, tableEnd }) =>
    engine === "sqlite"
      ? [`create table "changes" ("id" integer primary key, "ids" ${text} not null) ${tableEnd}`]
      : [],
};
