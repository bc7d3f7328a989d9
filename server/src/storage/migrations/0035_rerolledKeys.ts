import type { Migration } from "../migration.ts";

/**
 * An index of the keys that have the `subjectId` of another key, because they replaced that key in a reroll. It shows
 * whether another key still uses a deleted key's balance. It has no other keys, so it costs nothing to create those.
 */
export const rerolledKeys: Migration = {
  name: "0035_rerolledKeys",
  statements: () => [`create index "rerolledKeys" on "keys" ("subjectId") where "subjectId" <> "id"`],
};
