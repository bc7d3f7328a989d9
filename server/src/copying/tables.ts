/**
 * The tables with records that are copied, in the order in which they are filled: each table comes before those that
 * refer to it. A new table must be in one of these lists or in `notCopied`.
 */
export const copiedRecords = [
  "workspaces",
  "rootKeys",
  "revokedRootKeys",
  "apis",
  "identities",
  "keyMigrations",
  "keys",
  "ratelimits",
  "balances",
  "holds",
  "holdParts",
  "movements",
  "permissions",
  "roles",
  "keyPermissions",
  "keyRoles",
  "rolePermissions",
  "namespaces",
  "overrides",
  "idempotency",
  "auditEvents",
  "consoleSessions",
  "upstreamDifferences",
] as const;

/**
 * The tables with usage that are copied. They are written even while the source is
 * read-only, since verification goes on.
 */
const copiedUsage = [
  "usageNames",
  "usageMinutes",
  "usageHours",
  "usageDays",
  "lastUses",
  "usageBlocks",
  "usageGaps",
] as const;

export const copiedTables: readonly string[] = [...copiedRecords, ...copiedUsage];

/** The tables that are not copied, with the reason. */
export const notCopied: Readonly<Record<string, string>> = {
  migrations: "the target is migrated before rows are copied",
  copies: "describes the copy itself",
  usagePending:
    "has what one process has in memory; a server adds it to the counts when it starts on the source again",
  nodes: "has the processes that serve from one PostgreSQL database",
  changes: "tells those processes about changes, and is of no use after ten minutes",
};
