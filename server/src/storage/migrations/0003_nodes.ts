import type { Migration } from "../migration.ts";

/**
 * How nodes on one database know of each other. `changes` has the ids that each transaction changed; `nodes` has
 * the nodes that serve from the database. Only the PostgreSQL engine uses them. All times are from the server's clock.
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
