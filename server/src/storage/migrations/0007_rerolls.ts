import type { Migration } from "../migration.ts";

/** When a key was last rerolled, and the key's expiry before the first reroll shortened it. */
export const rerolls: Migration = {
  name: "0007_rerolls",
  statements: ({ int64 }) => [
    `alter table "keys" add column "rerolledAtMs" ${int64}`,
    `alter table "keys" add column "expiresBeforeRerollMs" ${int64}`,
  ],
};
