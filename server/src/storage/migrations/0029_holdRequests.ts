import type { Migration } from "../migration.ts";

/** The id and tags of the request that created a hold. Usage counts the later charge under this id and these tags. */
export const holdRequests: Migration = {
  name: "0029_holdRequests",
  statements: ({ text }) => [
    `alter table "holds" add column "requestId" ${text}`,
    `alter table "holds" add column "tags" ${text}`,
    `create index "holdsToCharge" on "holds" ("expiresAtMs")
      where "onExpiry" = 'charge' and "quota" is null and "outcome" is null`,
  ],
};
