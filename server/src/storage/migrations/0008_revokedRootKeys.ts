import type { Migration } from "../migration.ts";

/**
 * The hashes of revoked root keys. With them, a server that is started with a revoked root key can say so.
 */
export const revokedRootKeys: Migration = {
  name: "0008_revokedRootKeys",
  statements: ({ text, int64, tableEnd }) => [
    `create table "revokedRootKeys" ("hash" ${text} primary key, "id" ${text} not null,
      "revokedAtMs" ${int64} not null) ${tableEnd}`,
    `create index "revokedRootKeysById" on "revokedRootKeys" ("id")`,
  ],
};
