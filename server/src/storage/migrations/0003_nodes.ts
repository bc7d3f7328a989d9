import type { Migration } from "../migration.ts";

/**
 * Tables by which the nodes on one PostgreSQL database learn of each other and of changes. `changes` has the ids of the
 * records that each transaction changed. `nodes` has the nodes that serve from the database. All times in both tables
 * are by PostgreSQL's clock.
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
