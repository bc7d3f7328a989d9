import type { Migration } from "../migration.ts";

/** An index for lists of keys by their last use. The index may already exist in an old SQLite usage file. */
export const lastUsesByTime: Migration = {
  name: "0012_lastUsesByTime",
  statements: () => [
    `create index if not exists "lastUsesByTime" on "lastUses" ("workspaceId", "atMs", "keyId")`,
  ],
};
