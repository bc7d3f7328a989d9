import { Database } from "bun:sqlite";
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { DatabaseAddress } from "../../domain/databaseAddress.ts";
import type { Db } from "../schema.ts";
import { postgresDb, sqliteDb } from "./dialects.ts";
import { connect, session } from "./postgresConnection.ts";
import { storageError } from "./postgresErrors.ts";
import { ask } from "./postgresQuery.ts";
import { executor } from "./sqliteConnection.ts";
import { storageError as sqliteError } from "./sqliteErrors.ts";

/** All records in the state of one moment. Later writes are not visible, however long reading takes. */
export type SnapshotCopy = { db: Db; close(): Promise<void> };

/**
 * Opens all records in their state of this moment. On SQLite, copies the file: a long read transaction would keep the
 * server from emptying its write-ahead log. On PostgreSQL, begins a transaction without a time limit. Errors:
 * `StorageError`.
 */
export async function copyOfSnapshot(
  database: Exclude<DatabaseAddress, { kind: "memory" }>,
): Promise<SnapshotCopy> {
  return database.kind === "postgres" ? postgresSnapshot(database.url) : sqliteCopy(database.path);
}

async function postgresSnapshot(url: string): Promise<SnapshotCopy> {
  const settings = { ...session, application_name: "latchkey export", statement_timeout: "0" };
  const { client, ready } = connect(
    { url, settings: { ...settings, idle_in_transaction_session_timeout: "0" } },
    () => undefined,
  );
  try {
    await ready;
    await client.unsafe("begin isolation level repeatable read read only");
  } catch (error) {
    await client.close({ timeout: 0 });
    throw storageError(error);
  }
  const db = postgresDb(async (sql, values) => {
    try {
      return await ask(client, sql, values);
    } catch (error) {
      throw storageError(error);
    }
  });
  return { db, close: () => client.close({ timeout: 0 }) };
}

const mark = ".export-";

async function sqliteCopy(path: string): Promise<SnapshotCopy> {
  removeAbandoned(path);
  const copy = `${path}${mark}${process.pid}`;
  try {
    const source = new Database(path, { readonly: true });
    try {
      source.run("pragma busy_timeout = 5000");
      source.query("vacuum main into ?").run(copy);
    } finally {
      source.close();
    }
    const reader = new Database(copy, { readonly: true });
    // except on Windows, a file can be removed while it is open; then nothing stays if the process is killed
    if (process.platform !== "win32") rmSync(copy);
    const close = async () => {
      reader.close();
      rmSync(copy, { force: true });
    };
    return { db: sqliteDb(executor(reader)), close };
  } catch (error) {
    rmSync(copy, { force: true });
    throw sqliteError(error);
  }
}

/** Removes copies that a process left behind because it was killed. */
function removeAbandoned(path: string): void {
  const start = `${basename(path)}${mark}`;
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(start) || isRunning(Number(/^\d+/.exec(name.slice(start.length))?.[0]))) continue;
    rmSync(join(dirname(path), name), { force: true });
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
