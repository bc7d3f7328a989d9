import { StorageError } from "./engine.ts";
import type { Migration, MigrationTarget } from "./migration.ts";
import { start } from "./migrations/0001_start.ts";
import { idempotency } from "./migrations/0002_idempotency.ts";
import { nodes } from "./migrations/0003_nodes.ts";
import { keys } from "./migrations/0004_keys.ts";
import { ratelimits } from "./migrations/0005_ratelimits.ts";
import { usage } from "./migrations/0006_usage.ts";
import { rerolls } from "./migrations/0007_rerolls.ts";
import { revokedRootKeys } from "./migrations/0008_revokedRootKeys.ts";
import { migratedKeys } from "./migrations/0009_migratedKeys.ts";
import { apiSettings } from "./migrations/0010_apiSettings.ts";
import { keyLists } from "./migrations/0011_keyLists.ts";
import { lastUsesByTime } from "./migrations/0012_lastUsesByTime.ts";
import { usageBlocks } from "./migrations/0012_usageBlocks.ts";
import { auditTargets } from "./migrations/0013_auditTargets.ts";
import { consoleSessions } from "./migrations/0014_consoleSessions.ts";
import { ipAllowLists } from "./migrations/0015_ipAllowLists.ts";
import { usageCounts } from "./migrations/0016_usageCounts.ts";
import { keyspaces } from "./migrations/0017_keyspaces.ts";
import { quotas } from "./migrations/0017_quotas.ts";
import { rootKeys } from "./migrations/0018_rootKeys.ts";
import { auditRequests } from "./migrations/0019_auditRequests.ts";
import { namespaceLists } from "./migrations/0020_namespaceLists.ts";
import { copies } from "./migrations/0023_copies.ts";
import { waitingKeys } from "./migrations/0025_waitingKeys.ts";
import { upstreamDifferences } from "./migrations/0026_upstreamDifferences.ts";
import { holdRequests } from "./migrations/0029_holdRequests.ts";
import { rootKeyGrants } from "./migrations/0030_rootKeyGrants.ts";
import { grantLists } from "./migrations/0031_grantLists.ts";
import { usagePending } from "./migrations/0032_usagePending.ts";
import { oldHashes } from "./migrations/0033_oldHashes.ts";
import { changesOnSqlite } from "./migrations/0034_changesOnSqlite.ts";
import { rerolledKeys } from "./migrations/0035_rerolledKeys.ts";

/**
 * The migrations of a database, in their order. Only append to this list. It includes the usage migrations that
 * PostgreSQL needs, because PostgreSQL has the usage tables in the same database.
 */
const recordMigrations: readonly Migration[] = [
  start,
  idempotency,
  nodes,
  keys,
  ratelimits,
  onPostgres(usage),
  rerolls,
  revokedRootKeys,
  migratedKeys,
  apiSettings,
  keyLists,
  onPostgres(lastUsesByTime),
  onPostgres(usageBlocks),
  auditTargets,
  consoleSessions,
  ipAllowLists,
  onPostgres(usageCounts),
  keyspaces,
  quotas,
  rootKeys,
  auditRequests,
  namespaceLists,
  copies,
  waitingKeys,
  upstreamDifferences,
  holdRequests,
  rootKeyGrants,
  grantLists,
  oldHashes,
  changesOnSqlite,
  rerolledKeys,
];

/**
 * The migrations of SQLite's usage file, in their order. Only append to this list. Usage has its own file, because
 * SQLite allows one write at a time to a file: counting must not wait for a write to the records.
 */
const usageMigrations: readonly Migration[] = [usage, lastUsesByTime, usageBlocks, usageCounts, usagePending];

/**
 * Migrates the database to this program's schema. Each migration runs and is recorded in one transaction, so a crash
 * leaves only complete migrations. Several processes may migrate the same database at the same time.
 * Errors: `StorageError` `newer_schema` if the database has a migration that this program does not know.
 */
export function migrate(target: MigrationTarget): Promise<void> {
  return applyAll(recordMigrations, target);
}

/** Like `migrate`, for the usage file of a SQLite database. */
export function migrateUsage(target: MigrationTarget): Promise<void> {
  return applyAll(usageMigrations, target);
}

/** Returns a migration that runs only on PostgreSQL. On SQLite, the migration has no statements, but is recorded. */
function onPostgres({ name, statements }: Migration): Migration {
  return { name, statements: (types) => (types.engine === "postgres" ? statements(types) : []) };
}

async function applyAll(migrations: readonly Migration[], target: MigrationTarget): Promise<void> {
  let pending = true;
  while (pending) {
    await target.locked(async (run) => {
      await run(
        `create table if not exists "migrations" ("name" ${target.types.text} primary key) ${target.types.tableEnd}`,
      );
      const applied = (await run(`select "name" from "migrations"`)).map((row) => String(row["name"]));
      refuseNewer(migrations, applied);
      const next = migrations.find((migration) => !applied.includes(migration.name));
      pending = next !== undefined;
      if (next === undefined) return;
      for (const statement of next.statements(target.types)) await run(statement);
      await run(`insert into "migrations" ("name") values ('${next.name}')`);
    });
  }
}

/** Returns the applied migrations that this program does not know, because a newer version has run them. */
export function unknownMigrations(applied: readonly string[]): string[] {
  return applied.filter((name) => !recordMigrations.some((migration) => migration.name === name));
}

function refuseNewer(migrations: readonly Migration[], applied: readonly string[]): void {
  const unknown = applied.find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown === undefined) return;
  throw new StorageError(
    "newer_schema",
    `The database was written by a newer Latchkey (it has migration ${unknown}): start the newer version, or restore a backup from before the upgrade.`,
  );
}
