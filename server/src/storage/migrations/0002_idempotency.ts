import type { Migration } from "../migration.ts";

/**
 * Responses to requests with an Idempotency-Key, to return them if the request is repeated. `answer` is the encrypted
 * response; it is empty while the first request runs.
 */
export const idempotency: Migration = {
  name: "0002_idempotency",
  statements: ({ text, int64, tableEnd }) => [
    `create table "idempotency" ("id" ${text} primary key, "workspaceId" ${text} not null, "bodyHash" ${text} not null,
      "answer" ${text} not null, "createdAtMs" ${int64} not null) ${tableEnd}`,
    `create index "idempotencyByAge" on "idempotency" ("createdAtMs")`,
  ],
};
