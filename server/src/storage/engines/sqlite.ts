import { Database, type Statement } from "bun:sqlite";
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Engine, type ForeignChange, StorageError } from "../engine.ts";
import { type MigrationTarget, migrate } from "../migrate.ts";
import type { Tx } from "../schema.ts";
import { type SqlValue, sqliteDb } from "./dialects.ts";
import { isBusy, storageError } from "./sqliteErrors.ts";
import { type SqliteThread, startThread } from "./sqliteThread.ts";

const statementsKept = 500;
const busyWaitMs = 5_000;
const logLimits = {
  commitsBetweenCheckpoints: 1_000,
  /** above this the writers wait while the log is folded back into the database */
  maxLogBytes: 64 * 1024 * 1024,
};
const housekeepingMs = 250;

/**
 * Opens (and where it is missing, makes) a SQLite database, migrated to this program's schema. `path` is a file or
 * `:memory:`. `serving` keeps every other serving process away.
 * Errors: `StorageError` with a sentence for the person who started the program.
 */
export async function openSqlite(
  path: string,
  options: { serving: boolean },
  limits = logLimits,
): Promise<Engine> {
  try {
    return path === ":memory:" ? await openMemory() : await openFile(path, options.serving, limits);
  } catch (error) {
    throw startError(path, error);
  }
}

/** One process serves; what the command line changes beside it is seen in the file itself. */
const oneProcess = {
  name: "sqlite",
  recordChanges: async () => undefined,
  isCurrent: () => true,
  liveNodes: () => 1,
} as const;

async function openMemory(): Promise<Engine> {
  const connection = connect(":memory:");
  const queue = turnQueue();
  const execute = executor(connection);
  await migrate(target(connection));
  const tx = sqliteDb(execute) as Tx;
  const db = sqliteDb((sql, values) => queue(async () => execute(sql, values)));
  return {
    ...oneProcess,
    db,
    slow: db,
    transaction: (work) => queue(() => inTransaction(connection, () => work(tx))),
    onForeignChange: () => undefined,
    check: async () => void execute("select 1", []),
    close: async () => connection.close(),
  };
}

async function openFile(path: string, serving: boolean, limits: typeof logLimits): Promise<Engine> {
  makeFolder(dirname(path));
  const release = serving ? claimServing(path) : () => undefined;
  const writer = await openWriter(path).catch((error: unknown) => {
    release();
    throw error;
  });
  const reader = new Database(path, { readonly: true });
  reader.run("pragma busy_timeout = 1000");
  const syncThread = startThread(path);
  const slowThread = startThread(path);
  const queue = turnQueue();
  const log = walKeeper(writer, slowThread, queue, { ...limits, logBytes: () => logBytes(path) });
  const sync = syncJoiner(syncThread);
  const tx = sqliteDb(executor(writer)) as Tx;
  const listeners = new Set<(change: ForeignChange) => void>();
  const stopWatching = watch(writer, () => {
    for (const listener of listeners) listener({ ids: undefined });
  });
  let failed: StorageError | undefined;

  return {
    ...oneProcess,
    db: sqliteDb(executor(reader)),
    slow: sqliteDb((sql, values) => slowThread.ask({ kind: "read", sql, values })),
    async transaction(work) {
      if (failed !== undefined) throw failed;
      const result = await queue(() => inTransaction(writer, () => work(tx)));
      log.committed();
      try {
        await sync();
      } catch (error) {
        failed = new StorageError(
          "unavailable",
          "A commit could not be made durable; restart the server.",
          error,
        );
        throw new StorageError("not_durable", "A commit could not be made durable.", error);
      }
      return result;
    },
    onForeignChange: (listener) => void listeners.add(listener),
    check: async () => void reader.query("select 1").all(),
    async close() {
      stopWatching();
      await queue(async () => log.close());
      await Promise.all([syncThread.close(), slowThread.close()]);
      reader.close();
      writer.close();
      release();
    },
  };
}

/** A power cut keeps what is in a folder only where the folder itself is kept: its parents are flushed with it. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = resolve(folder); ; made = dirname(made)) {
    const parent = openSync(dirname(made), "r");
    fsyncSync(parent);
    closeSync(parent);
    if (made === resolve(first)) return;
  }
}

async function openWriter(path: string): Promise<Database> {
  const writer = await onceFree(() => connect(path)); // others that make the database may be in the way
  try {
    await migrate(target(writer));
    return writer;
  } catch (error) {
    writer.close();
    throw error;
  }
}

type TurnQueue = <T>(work: () => Promise<T>) => Promise<T>;

/** One after the other: `work` starts when everything queued before it has ended. */
function turnQueue(): TurnQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

async function inTransaction<T>(connection: Database, work: () => Promise<T>): Promise<T> {
  await begin(connection);
  try {
    const result = await work();
    connection.run("commit");
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.run("rollback");
    throw storageError(error);
  }
}

/** Another process may hold the write lock. */
function begin(connection: Database): Promise<void> {
  return onceFree(() => void connection.run("begin immediate"));
}

/** Waits for what another process holds, without holding up this process's reads. */
async function onceFree<T>(work: () => T): Promise<T> {
  const giveUpAt = performance.now() + busyWaitMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw storageError(error);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Callers that arrive while the disk is busy share the next flush. */
function syncJoiner(thread: SqliteThread): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const flush = async () => void (await thread.ask({ kind: "sync" }));
  return () => {
    if (running === undefined) {
      running = flush().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = flush().finally(() => {
          running = undefined;
        });
        return running;
      });
    return next;
  };
}

/**
 * Folds the write-ahead log back into the database: the slow thread copies and flushes; then, with nothing left to
 * copy, the writer's own connection empties the log (emptied by another connection, it would look like a foreign
 * change). Emptied when idle, so that what was deleted does not live on in it, and before it grows without bound.
 */
function walKeeper(
  writer: Database,
  thread: SqliteThread,
  queue: TurnQueue,
  limits: typeof logLimits & { logBytes(): number },
) {
  let commits = 0;
  let busy = false;
  const fold = async (work: () => Promise<boolean>) => {
    if (busy) return;
    busy = true;
    commits = 0;
    const done = await work().catch(() => false);
    if (!done) commits += 1; // a reader or the disk was in the way: the next idle moment is another try
    busy = false;
  };
  const copy = async () => {
    await thread.ask({ kind: "checkpoint" });
    return true;
  };
  const empty = () => {
    const [outcome] = writer.query<{ busy: number }, []>("pragma wal_checkpoint(truncate)").all();
    return outcome?.busy === 0;
  };
  const emptyWhenIdle = async () => {
    await copy();
    return queue(async () => commits === 0 && empty());
  };
  const emptyWhileWritersWait = () => queue(async () => (await copy()) && empty());
  let seenAtLastTick = 0;
  const idle = setInterval(() => {
    if (commits > 0 && commits === seenAtLastTick) void fold(emptyWhenIdle);
    seenAtLastTick = commits;
  }, housekeepingMs);
  idle.unref();
  return {
    committed() {
      commits += 1;
      if (commits < limits.commitsBetweenCheckpoints || busy) return;
      void fold(limits.logBytes() > limits.maxLogBytes ? emptyWhileWritersWait : copy);
    },
    close: () => clearInterval(idle),
  };
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** `data_version` changes on a connection when another process's commit becomes visible to it, never by its own. */
function watch(writer: Database, changed: () => void): () => void {
  const version = writer.query<{ data_version: number }, []>("pragma data_version");
  let last = version.get()?.data_version;
  const timer = setInterval(() => {
    const now = version.get()?.data_version;
    if (now === last) return;
    last = now;
    changed();
  }, housekeepingMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** A lock that the operating system lets go of when the process ends, however it ends. */
function claimServing(path: string): () => void {
  const lock = new Database(`${path}-serving`, { create: true, readwrite: true });
  try {
    lock.run("pragma locking_mode = exclusive");
    lock.run("begin exclusive");
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new StorageError("in_use", `Another Latchkey server serves ${path} already: stop it first.`);
  }
  return () => lock.close();
}

const pragmas = {
  journal_mode: "wal",
  synchronous: 1,
  foreign_keys: 1,
  secure_delete: 1,
  wal_autocheckpoint: 0,
} as const;

/** `synchronous` is NORMAL because the sync thread flushes the log after each commit, before it is acknowledged. */
function connect(path: string): Database {
  const connection = new Database(path, { create: true, readwrite: true });
  try {
    prepare(connection, path);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function prepare(connection: Database, path: string): void {
  connection.run("pragma busy_timeout = 0"); // nothing waits on this thread
  connection.run("pragma cache_size = -65536");
  for (const [name, wanted] of Object.entries(pragmas)) {
    connection.run(`pragma ${name} = ${wanted}`);
    const row = connection.query<Record<string, unknown>, []>(`pragma ${name}`).get();
    const actual = row === null ? undefined : Object.values(row)[0];
    if (actual !== wanted && path !== ":memory:") {
      throw new Error(`pragma ${name} is ${String(actual)}, not ${wanted}`);
    }
  }
}

function executor(connection: Database): (sql: string, values: readonly SqlValue[]) => unknown[] {
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

function target(connection: Database): MigrationTarget {
  return {
    types: { engine: "sqlite", text: "text", int64: "integer", tableEnd: "strict" },
    locked: (work) =>
      inTransaction(connection, () =>
        work(async (sql) => connection.query<Record<string, unknown>, []>(sql).all()),
      ),
  };
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
