import type { Migration } from "../migration.ts";

/** An index to find the changes to one record without reading the whole audit trail. */
export const auditTargets: Migration = {
  name: "0013_auditTargets",
  statements: () => [`create index "auditEventsByTarget" on "auditEvents" ("workspaceId", "targetId", "id")`],
};
