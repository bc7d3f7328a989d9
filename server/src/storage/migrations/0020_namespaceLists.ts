import type { Migration } from "../migration.ts";

/** An index for lists of namespaces in the order of their creation. */
export const namespaceLists: Migration = {
  name: "0020_namespaceLists",
  statements: () => [`create index "namespacesByWorkspace" on "namespaces" ("workspaceId", "id")`],
};
