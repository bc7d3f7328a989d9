import type { Migration } from "../migration.ts";

/**
 * The runs of `latchkey copy` that this database takes part in: at most one with the role `source` and one with the
 * role `target`. While the row `target` exists, the copy into this database is incomplete.
 */
export const copies: Migration = {
  name: "0023_copies",
  statements: ({ text, int64, tableEnd }) => [
    `create table "copies" ("role" ${text} primary key, "id" ${text} not null, "state" ${text} not null,
      "other" ${text} not null, "startedAtMs" ${int64} not null, "leaseUntilMs" ${int64} not null) ${tableEnd}`,
  ],
};
