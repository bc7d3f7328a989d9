import type { Migration } from "../migration.ts";

/** The request that created a hold, and its tags, so that usage can attribute the later charge to them. */
export const holdRequests: Migration = {
  name: "0029_holdRequests",
  statements: ({ text }) => [
    `alter table "holds" add column "requestId" ${text}`,
    `alter table "holds" add column "tags" ${text}`,
    `create index "holdsToCharge" on "holds" ("expiresAtMs")
      where "onExpiry" = 'charge' and "quota" is null and "outcome" is null`,
  ],
};
