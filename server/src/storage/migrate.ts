import { type Engine, StorageError } from "./engine.ts";
import { start } from "./migrations/0001_start.ts";
import { idempotency } from "./migrations/0002_idempotency.ts";
import { nodes } from "./migrations/0003_nodes.ts";
import { keys } from "./migrations/0004_keys.ts";
import { ratelimits } from "./migrations/0005_ratelimits.ts";
import { usage } from "./migrations/0006_usage.ts";

/** How an engine writes what the migrations need. */
export type ColumnTypes = { engine: Engine["name"]; text: string; int64: string; tableEnd: string };

export type Migration = { name: string; statements(types: ColumnTypes): string[] };

/** Numbered, append-only: one that has shipped is never changed. */
const migrations: readonly Migration[] = [start, idempotency, nodes, keys, ratelimits, usage];

/** What an engine offers to be migrated: single statements on one connection. */
export type MigrationTarget = {
  types: ColumnTypes;
  /** Runs `work` in one transaction that excludes every other migrating process. */
  locked(work: (run: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<void>): Promise<void>;
};

/**
 * Brings the database up to this program's schema, each migration with its own record in one transaction: a kill
 * at any statement leaves whole migrations behind, and several processes may start at once.
 * Errors: `StorageError` `newer_schema` where the database has a migration that this program does not know.
 */
export async function migrate(target: MigrationTarget): Promise<void> {
  let pending = true;
  while (pending) {
    await target.locked(async (run) => {
      await run(
        `create table if not exists "migrations" ("name" ${target.types.text} primary key) ${target.types.tableEnd}`,
      );
      const applied = (await run(`select "name" from "migrations"`)).map((row) => String(row["name"]));
      refuseNewer(applied);
      const next = migrations.find((migration) => !applied.includes(migration.name));
      pending = next !== undefined;
      if (next === undefined) return;
      for (const statement of next.statements(target.types)) await run(statement);
      await run(`insert into "migrations" ("name") values ('${next.name}')`);
    });
  }
}

function refuseNewer(applied: readonly string[]): void {
  const unknown = applied.find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown === undefined) return;
  throw new StorageError(
    "newer_schema",
    `The database was written by a newer Latchkey (it has migration ${unknown}): start that version, or restore an older backup.`,
  );
}
