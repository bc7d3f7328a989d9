/**
 * The tables that a copy has, in the order in which they are filled: a table that is referred to comes before those that
 * refer to it. A new table must be here or in `notCopied`.
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

/** These may still be written while the source is read-only, since verification goes on. */
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

/** Tables that a copy does not have, with the reason. */
export const notCopied: Readonly<Record<string, string>> = {
  migrations: "the target is migrated before rows are copied",
  copies: "describes the copy itself",
  usagePending: "what one process has in memory; a server adds it to the counts when it starts on the source again",
  nodes: "the processes that serve from one PostgreSQL database",
  changes: "news between those processes, of no use after ten minutes",
};
