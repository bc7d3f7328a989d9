import type { Migration } from "../migration.ts";

/** Rate limit namespaces, and their overrides for single identifiers or patterns. */
export const ratelimits: Migration = {
  name: "0005_ratelimits",
  statements: ({ text, int64, tableEnd }) => [
    `create table "namespaces" ("id" ${text} primary key, "workspaceId" ${text} not null, "name" ${text} not null,
      "createdAtMs" ${int64} not null, unique ("workspaceId", "name")) ${tableEnd}`,
    `create table "overrides" ("id" ${text} primary key, "workspaceId" ${text} not null,
      "namespaceId" ${text} not null references "namespaces" ("id") on delete cascade, "identifier" ${text} not null,
      "limit" ${int64} not null check ("limit" >= 0), "durationMs" ${int64} not null, "createdAtMs" ${int64} not null,
      "updatedAtMs" ${int64}, unique ("namespaceId", "identifier")) ${tableEnd}`,
    `create index "overridesByNamespace" on "overrides" ("workspaceId", "namespaceId", "id")`,
  ],
};
