import type { Database } from "bun:sqlite";
import { dirname } from "node:path";
import { type Engine, type ForeignChange, StorageError } from "../engine.ts";
import { createFolder } from "../folder.ts";
import { migrate } from "../migrate.ts";
import { slowReader } from "../slowReads.ts";
import { sqliteDb } from "./dialects.ts";
import { storeChanges, watchChanges } from "./sqliteChanges.ts";
import { connect, executor, openReader, pageCache } from "./sqliteConnection.ts";
import { createIfMissing, lockFile, refuseMissing } from "./sqliteCreate.ts";
import { isBusy } from "./sqliteErrors.ts";
import { commitFlusher } from "./sqliteFlush.ts";
import { groupCommits } from "./sqliteGroups.ts";
import { type LogLimits, logBytes, logKeeper, logLimits } from "./sqliteLog.ts";
import { checkDatabasePath } from "./sqlitePath.ts";
import { snapshotReader } from "./sqliteSnapshot.ts";
import { readerOn, slowReadThread, startThread } from "./sqliteThread.ts";
import {
  insideTransactions,
  inTransaction,
  retryWhileBusy,
  serialQueue,
  target,
} from "./sqliteTransaction.ts";

/**
 * Opens a SQLite database, creating it if it is missing, and migrates it to this program's schema. `path` is a file or
 * `:memory:`. With `serving`, no other process can serve from the file until this engine is closed.
 * Errors: `StorageError` with a message for the operator.
 */
export async function openSqlite(
  path: string,
  options: { serving: boolean; mustExist?: true },
  limits = logLimits,
): Promise<Engine> {
  try {
    return path === ":memory:" ? await openMemory() : await openFile(path, options, limits);
  } catch (error) {
    throw startError(path, error);
  }
}

/**
 * The fields of the engine that are constant on SQLite: only one process serves from a file, so there are no other
 * nodes. Commands such as `latchkey import` may change the file, too: see sqliteChanges.ts.
 */
const oneProcess = {
  name: "sqlite",
  isCurrent: () => true,
  liveNodes: () => 1,
} as const;

async function openMemory(): Promise<Engine> {
  const connection = connect(":memory:", pageCache.ofServer);
  const queue = serialQueue();
  const execute = executor(connection);
  await migrate(target(connection));
  const db = sqliteDb((sql, values) => queue(async () => execute(sql, values)));
  const snapshot = snapshotReader(connection, execute);
  const inside = insideTransactions(connection, execute);
  return {
    ...oneProcess,
    db,
    slow: db,
    readSlowly: slowReader(db),
    snapshot: (read) => queue(async () => snapshot(read)),
    transaction: (work) => queue(() => inTransaction(connection, () => inside(work))),
    recordChanges: async () => undefined,
    onForeignChange: () => undefined,
    check: async () => void execute("select 1", []),
    close: async () => connection.close(),
  };
}

async function openFile(
  path: string,
  { serving, mustExist }: { serving: boolean; mustExist?: true },
  limits: LogLimits,
): Promise<Engine> {
  if (mustExist === true) refuseMissing(path);
  createFolder(dirname(path));
  checkDatabasePath(path);
  const release = serving ? claimServing(path) : () => undefined;
  const cacheKib = serving ? pageCache.ofServer : pageCache.ofCommand;
  const writer = await openWriter(path, cacheKib).catch((error: unknown) => {
    release();
    throw error;
  });
  const reader = openReader(path, cacheKib);
  const read = executor(reader);
  const syncThread = startThread(path);
  const logThread = startThread(path);
  const slowThread = slowReadThread(path);
  const queue = serialQueue();
  const log = logKeeper({ writer, thread: logThread, queue, limits, logBytes: () => logBytes(path) });
  const commits = commitFlusher(syncThread);
  const listeners = new Set<(change: ForeignChange) => void>();
  const report = (change: ForeignChange) => {
    for (const listener of listeners) listener(change);
  };
  const changes = serving ? watchChanges(writer, path, report) : storeChanges(writer);
  const groups = groupCommits({ writer, execute: executor(writer), queue, log, commits, changes });

  return {
    ...oneProcess,
    db: sqliteDb(read),
    slow: sqliteDb((sql, values) => slowThread.ask({ kind: "read", sql, values })),
    readSlowly: readerOn(slowThread),
    snapshot: snapshotReader(reader, read),
    transaction: groups.transaction,
    recordChanges: changes.recordChanges,
    onForeignChange: (listener) => void listeners.add(listener),
    check: async () => void reader.query("select 1").all(),
    async close() {
      await groups.idle();
      await queue(() => log.close());
      await Promise.all([syncThread, logThread, slowThread].map((thread) => thread.close()));
      reader.close();
      writer.close();
      changes.stop();
      release();
    },
  };
}

async function openWriter(path: string, cacheKib: number): Promise<Database> {
  await createIfMissing(path);
  // another process may be opening the file, which locks it for a moment
  const writer = await retryWhileBusy(() => connect(path, cacheKib));
  try {
    await migrate(target(writer));
    return writer;
  } catch (error) {
    writer.close();
    throw error;
  }
}

function claimServing(path: string): () => void {
  try {
    return lockFile(`${path}-serving`);
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new StorageError(
      "in_use",
      `Another Latchkey server already serves ${path}. Stop that server first.`,
    );
  }
}

function startError(path: string, error: unknown): unknown {
  if (error instanceof StorageError && error.cause === undefined) return error;
  const cause = error instanceof StorageError ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    "unavailable",
    `The database ${path} cannot be opened for writing: ${message}.`,
    error,
  );
}
