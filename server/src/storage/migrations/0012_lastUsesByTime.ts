import type { Migration } from "../migration.ts";

/** For lists of keys by their last use. Like the tables, the index may already exist. */
export const lastUsesByTime: Migration = {
  name: "0012_lastUsesByTime",
  statements: () => [
    `create index if not exists "lastUsesByTime" on "lastUses" ("workspaceId", "atMs", "keyId")`,
  ],
};
