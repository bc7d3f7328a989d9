import type { Migration } from "../migration.ts";

/** The addresses from which keys may be used, as JSON arrays; null: all addresses. */
export const ipAllowLists: Migration = {
  name: "0015_ipAllowLists",
  statements: ({ text }) => [
    `alter table "apis" add column "ipAllowList" ${text}`,
    `alter table "keys" add column "ipAllowList" ${text}`,
  ],
};
