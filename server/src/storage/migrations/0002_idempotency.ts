import type { Migration } from "../migration.ts";

/**
 * Responses for requests with a repeated Idempotency-Key. `answer` is encrypted; it is empty while the first request
 * runs.
 */
export const idempotency: Migration = {
  name: "0002_idempotency",
  statements: ({ text, int64, tableEnd }) => [
    `create table "idempotency" ("id" ${text} primary key, "workspaceId" ${text} not null, "bodyHash" ${text} not null,
      "answer" ${text} not null, "createdAtMs" ${int64} not null) ${tableEnd}`,
    `create index "idempotencyByAge" on "idempotency" ("createdAtMs")`,
  ],
};
