import type { Migration } from "../migration.ts";

/** How often this server and the upstream decided differently, by kind of difference, with the latest examples. */
export const upstreamDifferences: Migration = {
  name: "0026_upstreamDifferences",
  statements: ({ text, int64, tableEnd }) => [
    `create table "upstreamDifferences" ("workspaceId" ${text} not null, "kind" ${text} not null,
      "count" ${int64} not null, "examples" ${text} not null, primary key ("workspaceId", "kind")) ${tableEnd}`,
  ],
};
