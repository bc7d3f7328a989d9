import type { Migration } from "../migration.ts";

/** Settings of an api: protection from deletion, and the defaults for the prefix and length of new keys. */
export const apiSettings: Migration = {
  name: "0010_apiSettings",
  statements: ({ text, int64 }) => [
    `alter table "apis" add column "deleteProtection" ${int64} not null default 0`,
    `alter table "apis" add column "defaultPrefix" ${text}`,
    `alter table "apis" add column "defaultByteLength" ${int64}`,
    `create index "liveApisByWorkspace" on "apis" ("workspaceId", "id") where "deletedAtMs" is null`,
  ],
};
