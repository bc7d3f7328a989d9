import type { Migration } from "../migration.ts";

/**
 * The copies that this database takes part in, at most one as the source and one as the target. While the target's row
 * exists, the copy is incomplete.
 */
export const copies: Migration = {
  name: "0023_copies",
  statements: ({ text, int64, tableEnd }) => [
    `create table "copies" ("role" ${text} primary key, "id" ${text} not null, "state" ${text} not null,
      "other" ${text} not null, "startedAtMs" ${int64} not null, "leaseUntilMs" ${int64} not null) ${tableEnd}`,
  ],
};
