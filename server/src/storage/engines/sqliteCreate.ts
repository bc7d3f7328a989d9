import { Database } from "bun:sqlite";
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StorageError } from "../engine.ts";
import { flush, flushFolder } from "../folder.ts";
import { migrate } from "../migrate.ts";
import { retryWhileBusy, target } from "./sqliteTransaction.ts";

/**
 * Suffixes of files that are created after the database file. If there is such a file but no database file, the
 * database file was lost.
 */
const leftovers = ["-wal", "-usage", ".counters"];
const remedy = "Restore a backup";

/**
 * Creates the database at `path` if it is missing. A new file is renamed to `path` only when it has all tables, so the
 * file at `path` is always complete. Errors: `StorageError` if the file is empty, which means that it is damaged, or if
 * the file is missing although files that belong to it exist.
 */
export async function createIfMissing(path: string): Promise<void> {
  if (existsSync(path)) return refuseEmpty(path);
  refuseLeftovers(path);
  const release = await retryWhileBusy(() => lockFile(`${path}-creating`));
  try {
    // another process may have created the file before this one got the lock
    if (!existsSync(path)) await createAt(path);
  } finally {
    release();
  }
}

/** Checks that the database exists. Errors: `StorageError` if there is no file at `path`. */
export function refuseMissing(path: string): void {
  if (existsSync(path)) return;
  throw new StorageError(
    "unavailable",
    `There is no database at ${path}. Start latchkey serve first, or correct the path in DATABASE_URL or --to.`,
  );
}

async function createAt(path: string): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    remove(unfinished); // a process that was killed may have left this file
    const connection = new Database(unfinished, { create: true, readwrite: true });
    try {
      await migrate(target(connection));
    } finally {
      connection.close();
    }
    flush(unfinished);
    renameSync(unfinished, path);
    flushFolder(dirname(path));
    rmSync(`${path}-creating`);
  } finally {
    remove(unfinished);
  }
}

function remove(unfinished: string): void {
  for (const suffix of ["", "-journal"]) rmSync(unfinished + suffix, { force: true });
}

function refuseEmpty(path: string): void {
  if (statSync(path).size > 0) return;
  throw new StorageError(
    "unavailable",
    `The database ${path} is damaged: the file is empty. ${remedy}, or remove the file to start with a new database.`,
  );
}

function refuseLeftovers(path: string): void {
  if (existsSync(`${path}.copying`)) {
    throw new StorageError(
      "unavailable",
      `The database ${path} is missing, and ${path}.copying is an incomplete copy. Wait until latchkey copy has finished. If it was interrupted, run it again: it starts from the beginning.`,
    );
  }
  const left = leftovers.map((suffix) => path + suffix).filter((file) => sizeOf(file) > 0);
  if (left.length === 0) return;
  throw new StorageError(
    "unavailable",
    `The database ${path} is missing, but ${left.join(" and ")} exist${left.length === 1 ? "s" : ""}. ${remedy}, or remove ${left.length === 1 ? "it" : "them"} to start with a new database.`,
  );
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Checks that the file is a complete database of Latchkey. Errors: `StorageError` in two cases. If the table of
 * migrations is missing, the file belongs to another program, or its write-ahead log was lost. If the file is shorter
 * than its header says, it is damaged, which SQLite itself does not notice. A file with a write-ahead log may be
 * shorter, because the log may have the missing pages.
 */
export function refuseDamaged(connection: Database, path: string): void {
  const tables = connection.query("select 1 from sqlite_master where name = 'migrations'").all();
  if (tables.length === 0) {
    throw new StorageError(
      "unavailable",
      `The database ${path} has no Latchkey tables: it is damaged, or belongs to another program. ${remedy}, or choose another file.`,
    );
  }
  const expected = connection
    .query<{ bytes: number }, []>(
      `select "page_count" * "page_size" as "bytes" from pragma_page_count(), pragma_page_size()`,
    )
    .get();
  if (sizeOf(`${path}-wal`) > 0 || sizeOf(path) >= (expected?.bytes ?? 0)) return;
  throw new StorageError("unavailable", `The database ${path} is damaged: its end is missing. ${remedy}.`);
}

/**
 * Takes a lock that the operating system releases when the process ends, even if it crashes. Returns a function that
 * releases the lock. Errors: SQLite's errors; SQLITE_BUSY if another process has the lock.
 */
export function lockFile(path: string): () => void {
  const lock = new Database(path, { create: true, readwrite: true });
  try {
    lock.run("pragma journal_mode = memory"); // with a journal file, the lock could not be taken on a full disk
    lock.run("pragma locking_mode = exclusive");
    lock.run("begin exclusive");
  } catch (error) {
    lock.close();
    throw error;
  }
  return () => lock.close();
}
