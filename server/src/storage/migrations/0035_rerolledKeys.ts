import type { Migration } from "../migration.ts";

/**
 * An index of the keys that share the `subjectId` of a rerolled key, to see whether a deleted key's balance is still used.
 * It has only rerolled keys, so that it costs nothing to create a key.
 */
export const rerolledKeys: Migration = {
  name: "0035_rerolledKeys",
  statements: () => [`create index "rerolledKeys" on "keys" ("subjectId") where "subjectId" <> "id"`],
};
