import type { Migration } from "../migration.ts";

/** The last characters of a root key, when it was rerolled, and its expiry before the reroll. */
export const rootKeys: Migration = {
  name: "0018_rootKeys",
  statements: ({ text, int64 }) => [
    `alter table "rootKeys" add column "end" ${text} not null default ''`,
    `alter table "rootKeys" add column "rerolledAtMs" ${int64}`,
    `alter table "rootKeys" add column "expiresBeforeRerollMs" ${int64}`,
    `create index "rootKeysByWorkspace" on "rootKeys" ("workspaceId", "id")`,
  ],
};
