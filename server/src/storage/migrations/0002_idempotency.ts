import type { Migration } from "../migrate.ts";

/** Answers kept for a repeated Idempotency-Key; `answer` is sealed, and empty while its first call is under way. */
export const idempotency: Migration = {
  name: "0002_idempotency",
  statements: ({ text, int64, tableEnd }) => [
    `create table "idempotency" ("id" ${text} primary key, "workspaceId" ${text} not null, "bodyHash" ${text} not null,
      "answer" ${text} not null, "createdAtMs" ${int64} not null) ${tableEnd}`,
    `create index "idempotencyByAge" on "idempotency" ("createdAtMs")`,
  ],
};
