import type { Migration } from "../migration.ts";

/** The last characters of a root key, the time of its last reroll, and its expiry before the first reroll. */
export const rootKeys: Migration = {
  name: "0018_rootKeys",
  statements: ({ text, int64 }) => [
    `alter table "rootKeys" add column "end" ${text} not null default ''`,
    `alter table "rootKeys" add column "rerolledAtMs" ${int64}`,
    `alter table "rootKeys" add column "expiresBeforeRerollMs" ${int64}`,
    `create index "rootKeysByWorkspace" on "rootKeys" ("workspaceId", "id")`,
  ],
};
