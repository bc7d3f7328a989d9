import type { Migration } from "../migration.ts";

/** What one request changed is found without reading all events. */
export const auditRequests: Migration = {
  name: "0019_auditRequests",
  statements: () => [
    `create index "auditEventsByRequestAndId" on "auditEvents" ("workspaceId", "requestId", "id")`,
    `drop index "auditEventsByRequest"`,
  ],
};
