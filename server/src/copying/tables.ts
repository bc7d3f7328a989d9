/**
 * The tables of records that are copied, in the order in which they are filled: each table comes before the tables that
 * refer to it. A new table must be listed here, in `copiedUsage` or in `notCopied`.
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
 * The tables of usage that are copied. The source's servers still verify keys while the source is read-only, so they
 * still write to these tables.
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
  migrations: "creating the tables of the target fills this table, too",
  copies: "has the state of the copy itself",
  usagePending:
    "has counts from the memory of a server; the next server that starts on the source adds them to the stored counts",
  nodes: "lists the server processes that share one PostgreSQL database",
  changes: "tells the servers on one database which records to evict from their caches",
};
