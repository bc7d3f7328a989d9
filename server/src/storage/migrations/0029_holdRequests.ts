import type { Migration } from "../migration.ts";

/** The id and the tags of the request that created a hold, so that usage can count the later charge under them. */
export const holdRequests: Migration = {
  name: "0029_holdRequests",
  statements: ({ text }) => [
    `alter table "holds" add column "requestId" ${text}`,
    `alter table "holds" add column "tags" ${text}`,
    `create index "holdsToCharge" on "holds" ("expiresAtMs")
      where "onExpiry" = 'charge' and "quota" is null and "outcome" is null`,
  ],
};
