import type { Migration } from "../migration.ts";

/**
 * Indexes for what was found only by reading all keys, overrides or ledger entries of a workspace: the keys that share
 * the `subjectId` of a rerolled key, and pages of overrides and ledger entries for an export. Only rerolled keys are in
 * the first index, so that creating a key costs nothing more.
 */
export const readByIndex: Migration = {
  name: "0035_readByIndex",
  statements: () => [
    `create index "rerolledKeys" on "keys" ("subjectId") where "subjectId" <> "id"`,
    `create index "overridesByWorkspace" on "overrides" ("workspaceId", "id")`,
    `create index "movementsByWorkspace" on "movements" ("workspaceId", "id")`,
  ],
};
