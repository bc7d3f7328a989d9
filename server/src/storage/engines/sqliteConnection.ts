import { Database, type Statement } from "bun:sqlite";
import type { SqlValue } from "./dialects.ts";
import { refuseDamaged } from "./sqliteCreate.ts";
import { storageError } from "./sqliteErrors.ts";
import { allowReadsOnFullDisk } from "./sqliteFiles.ts";

const statementsKept = 500;

/** The maximum size of a connection's page cache, in KiB. The cache grows to this size as pages are read. */
export const pageCache = { ofServer: 64 * 1024, ofCommand: 8 * 1024 };

/**
 * The settings of the database, in the form in which SQLite reports them. `synchronous` is 1 (normal), so SQLite itself
 * does not flush commits: a thread flushes the write-ahead log after each commit, before the caller gets its response.
 */
const pragmas = {
  journal_mode: "wal",
  synchronous: 1,
  foreign_keys: 1,
  secure_delete: 1,
  wal_autocheckpoint: 0,
} as const;

/**
 * Opens a connection that may write. The file must exist, unless the database is in memory. Errors: `StorageError` if
 * the file is damaged or belongs to another program; SQLite's errors.
 */
export function connect(path: string, pageCacheKib: number): Database {
  const connection = new Database(path, { create: path === ":memory:", readwrite: true });
  try {
    allowReadsOnFullDisk(connection);
    if (path !== ":memory:") refuseDamaged(connection, path);
    prepare(connection, path, pageCacheKib);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Opens the connection for reads of single records. With SQLite's default page cache of 2 MB, looking up a random key
 * would take 20 % longer.
 */
export function openReader(path: string, pageCacheKib: number): Database {
  const reader = new Database(path, { readonly: true });
  allowReadsOnFullDisk(reader);
  reader.run("pragma busy_timeout = 1000");
  reader.run(`pragma cache_size = -${pageCacheKib}`);
  return reader;
}

function prepare(connection: Database, path: string, pageCacheKib: number): void {
  connection.run("pragma busy_timeout = 0"); // waiting in SQLite would block the main thread: see `retryWhileBusy`
  connection.run(`pragma cache_size = -${pageCacheKib}`);
  for (const [name, wanted] of Object.entries(pragmas)) {
    connection.run(`pragma ${name} = ${wanted}`);
    const row = connection.query<Record<string, unknown>, []>(`pragma ${name}`).get();
    const actual = row === null ? undefined : Object.values(row)[0];
    if (actual !== wanted && path !== ":memory:") {
      throw new Error(`SQLite keeps pragma ${name} at ${String(actual)} instead of ${wanted}`);
    }
  }
}

/**
 * Returns a function that runs statements on the connection. It keeps the 500 statements that were prepared last, so
 * that they need not be prepared again.
 */
export function executor(connection: Database): (sql: string, values: readonly SqlValue[]) => unknown[] {
  const kept = new Map<string, Statement>();
  return (sql, values) => {
    let statement = kept.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      if (kept.size >= statementsKept) evictOldest(kept);
      kept.set(sql, statement);
    }
    try {
      return statement.all(...values);
    } catch (error) {
      throw storageError(error);
    }
  };
}

function evictOldest(kept: Map<string, Statement>): void {
  for (const [sql, statement] of kept) {
    statement.finalize();
    kept.delete(sql);
    return;
  }
}
