import type { Migration } from "../migration.ts";

/** Protection from deletion, and what keys are created with if the request does not say it. */
export const apiSettings: Migration = {
  name: "0010_apiSettings",
  statements: ({ text, int64 }) => [
    `alter table "apis" add column "deleteProtection" ${int64} not null default 0`,
    `alter table "apis" add column "defaultPrefix" ${text}`,
    `alter table "apis" add column "defaultByteLength" ${int64}`,
    `create index "liveApisByWorkspace" on "apis" ("workspaceId", "id") where "deletedAtMs" is null`,
  ],
};
