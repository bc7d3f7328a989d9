import type { Migration } from "../migrate.ts";

/**
 * What nodes on one database tell each other: `changes`, what a transaction changed, by the transaction's own id;
 * `nodes`, who serves from here. Written and read by the PostgreSQL engine alone, by the server's clock.
 */
export const nodes: Migration = {
  name: "0003_nodes",
  statements: ({ engine, text }) =>
    engine === "sqlite"
      ? []
      : [
          `create table "changes" ("transactionId" xid8 not null, "nodeId" ${text} not null,
            "recordedAt" timestamptz not null, "ids" ${text} not null)`,
          `create index "changesByTransaction" on "changes" ("transactionId")`,
          `create index "changesByAge" on "changes" ("recordedAt")`,
          `create table "nodes" ("id" ${text} primary key, "seenAt" timestamptz not null)`,
        ],
};
