import type { Migration } from "../migration.ts";

/** An index to find the changes by one request without reading the whole audit trail. */
export const auditRequests: Migration = {
  name: "0019_auditRequests",
  statements: () => [
    `create index "auditEventsByRequestAndId" on "auditEvents" ("workspaceId", "requestId", "id")`,
    `drop index "auditEventsByRequest"`,
  ],
};
