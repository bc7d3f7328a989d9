import type { Migration } from "../migration.ts";

/** What was done to one thing is found without reading all events. */
export const auditTargets: Migration = {
  name: "0013_auditTargets",
  statements: () => [`create index "auditEventsByTarget" on "auditEvents" ("workspaceId", "targetId", "id")`],
};
