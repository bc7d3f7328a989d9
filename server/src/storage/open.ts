import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { type Engine, StorageError, type StorageOptions } from "./engine.ts";
import { sqliteDb } from "./engines/dialects.ts";
import { openForeignAt } from "./engines/foreign.ts";
import { openPostgres } from "./engines/postgres.ts";
import { openScratchDatabase } from "./engines/scratch.ts";
import { copyOfSnapshot, type SnapshotCopy } from "./engines/snapshotCopy.ts";
import { openSqlite } from "./engines/sqlite.ts";
import { slowReadThread } from "./engines/sqliteThread.ts";
import type { ForeignDatabase, ScratchDatabase } from "./foreignDatabase.ts";
import type { Db } from "./schema.ts";

/**
 * Opens a database and migrates it. On SQLite, only one process may serve at a time.
 * Errors: `StorageError` with a message for the operator.
 */
export async function openStorage(database: DatabaseAddress, options: StorageOptions): Promise<Engine> {
  const engine = await open(database, options);
  try {
    await refuseIncompleteCopy(engine);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/**
 * Returns a connection that reads a SQLite database on a separate thread with low priority. The thread starts at the
 * first query.
 */
export function openBackgroundReader(path: string): { db: Db; close(): Promise<void> } {
  const thread = slowReadThread(path);
  return {
    db: sqliteDb((sql, values) => thread.ask({ kind: "read", sql, values })),
    close: () => thread.close(),
  };
}

/** Creates the database if it is missing, and migrates it. Accepts an incomplete copy, which `openStorage` refuses. */
export async function migrateStorage(database: DatabaseAddress): Promise<void> {
  const engine = await open(database, {
    serving: false,
    connections: 4,
    monotonicMs: () => performance.now(),
  });
  await engine.close();
}

function open(database: DatabaseAddress, options: StorageOptions): Promise<Engine> {
  if (database.kind === "postgres") return openPostgres(database.url, options);
  return openSqlite(database.kind === "memory" ? ":memory:" : database.path, options);
}

/**
 * Opens the records in the state of this moment. Later changes do not show, so a slow reader, such as an export, sees
 * one consistent state. The database must not be in memory. Errors: `StorageError`.
 */
export async function openSnapshot(database: DatabaseAddress): Promise<SnapshotCopy> {
  if (database.kind === "memory") throw new Error("A database in memory has no snapshot.");
  return copyOfSnapshot(database);
}

/**
 * Checks that the database is complete. Errors: `StorageError` if `latchkey copy` is still filling it or was
 * interrupted.
 */
async function refuseIncompleteCopy({ db }: Engine): Promise<void> {
  const copy = await db.selectFrom("copies").selectAll().where("role", "=", "target").executeTakeFirst();
  if (copy === undefined) return;
  throw new StorageError(
    "unavailable",
    `The database is an incomplete copy of ${copy.other}, begun at ${new Date(copy.startedAtMs).toISOString()}. Wait until latchkey copy has finished. If it was interrupted, run it again: it starts from the beginning.`,
  );
}

/** Opens the database of another product: a SQLite file, or a PostgreSQL database. Errors: `StorageError`. */
export async function openForeign(place: string): Promise<ForeignDatabase> {
  return openForeignAt(place);
}

/** Creates an empty temporary database, for more rows than fit into memory. */
export function openScratch(): ScratchDatabase {
  return openScratchDatabase();
}
