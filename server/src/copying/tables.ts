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
 * The tables with usage that are copied. Servers write to them even while the source is read-only, because they still
 * verify keys.
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
  migrations: "the target gets its schema, with the rows of this table, before other rows are copied",
  copies: "has the state of the copy itself",
  usagePending:
    "has counts that a process has in memory; a server adds them to the stored counts when it starts on the source again",
  nodes: "lists the server processes that share one PostgreSQL database",
  changes: "tells the server processes on one database what to evict from their caches",
};
