import { Database } from "bun:sqlite";
import type { DatabaseAddress } from "../../domain/databaseAddress.ts";
import { StorageError } from "../engine.ts";
import { migrateUsage } from "../migrate.ts";
import { within } from "./deadline.ts";
import { session } from "./postgresConnection.ts";
import { isConflict } from "./postgresErrors.ts";
import { openPool } from "./postgresPool.ts";
import { type PlainSql, postgresRows, sqliteRows } from "./rowSql.ts";
import { allowReadsOnFullDisk } from "./sqliteFiles.ts";
import { target } from "./sqliteTransaction.ts";

export type { PlainInsert, PlainSql } from "./rowSql.ts";

/** A connection to the usage database. After a failure, close it and open another one. */
export type UsageDatabase = PlainSql & {
  /** Runs `work` in a transaction. Runs it again if it conflicts with a transaction of another process. */
  transaction<T>(work: (tx: PlainSql) => Promise<T>): Promise<T>;
  /** Like `transaction`, but only one `alone` transaction runs at a time, also if other nodes call `alone`. */
  alone<T>(work: (tx: PlainSql) => Promise<T>): Promise<T>;
  /** whether only this server writes to the usage database */
  isOnlyWriter: boolean;
  /** Returns the space that usage takes on disk. On SQLite, the free pages of the file do not count. */
  usedBytes(): Promise<number>;
  /**
   * If the SQLite file has much free space, makes it smaller, so that other programs can use that space on the disk.
   */
  shrink(): Promise<void>;
  /** Returns whether the error means that the database rejected one of the rows. A retry would fail in the same way. */
  isRowRejection(error: unknown): boolean;
  close(): Promise<void>;
};

/**
 * Connects to the database in which usage is counted. On PostgreSQL, it is the database of the records; a statement or
 * transaction fails if it takes longer than `deadlineMs`. On SQLite, it is a file next to the database file, which is
 * created if it is missing.
 */
export async function openUsageDatabase(
  records: DatabaseAddress,
  deadlineMs = 20_000,
): Promise<UsageDatabase> {
  if (records.kind === "postgres") return openPostgresUsage(records.url, deadlineMs);
  return openSqliteUsage(records.kind === "memory" ? ":memory:" : `${records.path}-usage`);
}

async function openSqliteUsage(path: string): Promise<UsageDatabase> {
  const connection = await openUsageFile(path);
  const sql = sqliteRows(connection);
  const transaction = async <T>(work: (tx: PlainSql) => Promise<T>) => {
    connection.run("begin immediate");
    try {
      const result = await work(sql);
      connection.run("commit");
      return result;
    } catch (error) {
      if (connection.inTransaction) connection.run("rollback");
      throw error;
    }
  };
  return {
    ...sql,
    transaction,
    alone: transaction,
    isOnlyWriter: true,
    usedBytes: async () =>
      (pragma(connection, "page_count") - pragma(connection, "freelist_count")) * pageBytes,
    async shrink() {
      if (pragma(connection, "freelist_count") < fewFreePages) return;
      connection.run(`pragma incremental_vacuum(${pagesPerShrink})`);
    },
    isRowRejection: (error) =>
      /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(String((error as { code?: unknown }).code)),
    close: async () => connection.close(),
  };
}

const pageBytes = 4096;
/** A file with fewer free pages than this is not made smaller: it would only grow again for the next rows. */
const fewFreePages = 1_024;
/** The maximum number of pages that one call of `shrink` removes from the file. */
const pagesPerShrink = 4_096;

type Pragma = "page_count" | "freelist_count" | "auto_vacuum";

function pragma(connection: Database, name: Pragma): number {
  return connection.query<Record<Pragma, number>, []>(`pragma ${name}`).get()?.[name] ?? 0;
}

/** After a large batch, SQLite truncates the write-ahead log to this size. */
const keptLogBytes = 4 * 1024 * 1024;

/**
 * Opens the usage file, creates it if it is missing, and migrates it to this program's schema. Errors: `StorageError`
 * with a message for the operator.
 */
async function openUsageFile(path: string): Promise<Database> {
  let connection: Database | undefined;
  try {
    connection = new Database(path, { create: true, readwrite: true });
    prepareUsage(connection);
    await migrateUsage(target(connection));
    compactOldFile(connection);
    return connection;
  } catch (error) {
    connection?.close();
    const reason = (error as Error).message.replace(/\.$/, "");
    throw new StorageError("unavailable", `The usage database ${path} cannot be opened: ${reason}.`, error);
  }
}

/** SQLite's number for the mode `incremental` of `auto_vacuum`, in which `shrink` can make the file smaller. */
const incremental = 2;
const setIncremental = `pragma auto_vacuum = ${incremental}`;

/**
 * Rewrites a file of an older version, which created it in another mode. In that mode, free pages cannot be given back
 * to the disk.
 */
function compactOldFile(connection: Database): void {
  if (pragma(connection, "auto_vacuum") === incremental) return;
  connection.run(setIncremental);
  connection.run("vacuum");
}

function prepareUsage(connection: Database): void {
  connection.run("pragma busy_timeout = 5000"); // set first, because another process may be creating the file right now
  allowReadsOnFullDisk(connection);
  const isNew = pragma(connection, "page_count") === 0;
  // in a file with pages, this takes effect only with `vacuum`, which needs free disk space
  if (isNew) connection.run(setIncremental);
  connection.run("pragma journal_mode = wal");
  connection.run("pragma synchronous = normal");
  connection.run(`pragma journal_size_limit = ${keptLogBytes}`);
}

const attempts = 4;

/**
 * Session settings for usage. Commits do not wait for the disk: if PostgreSQL crashes, losing the last counts is
 * acceptable.
 */
const usageSession = {
  ...session,
  application_name: "latchkey usage",
  synchronous_commit: "off",
  statement_timeout: "10s",
};

function openPostgresUsage(url: string, deadlineMs: number): UsageDatabase {
  const pool = openPool({ url, max: 1, settings: usageSession });
  async function once<T>(work: (tx: PlainSql) => Promise<T>): Promise<T> {
    const { client, release, discard } = await pool.reserve(deadlineMs);
    try {
      await client.unsafe("begin");
      const result = await work(postgresRows((run) => run(client), deadlineMs));
      await client.unsafe("commit");
      release();
      return result;
    } catch (error) {
      await client.unsafe("rollback").then(release, discard);
      throw error;
    }
  }
  async function transaction<T>(work: (tx: PlainSql) => Promise<T>, attempt = 1): Promise<T> {
    try {
      return await within(deadlineMs, once(work));
    } catch (error) {
      if (attempt === attempts || !isConflict(error)) throw error;
      return transaction(work, attempt + 1);
    }
  }
  return {
    ...postgresRows(pool.run, deadlineMs),
    transaction: (work) => transaction(work),
    alone: (work) =>
      transaction(async (tx) => {
        await tx.rows(`select pg_advisory_xact_lock(${upkeepLock})`);
        return work(tx);
      }),
    isOnlyWriter: false,
    async usedBytes() {
      const [row] = await postgresRows(pool.run, deadlineMs).rows<{ bytes: number }>(usedBytesQuery);
      return row?.bytes ?? 0;
    },
    shrink: async () => undefined, // left to PostgreSQL's autovacuum
    // SQLSTATE classes 22 and 23: a value that does not fit its column, or that violates a constraint
    isRowRejection: (error) => /^2[23]/.test(String((error as { errno?: unknown }).errno)),
    close: () => pool.close(0),
  };
}

/** the id of the advisory lock for `alone`: an arbitrary number that none of our other locks has */
const upkeepLock = 7_310_216;

const usedBytesQuery = `select coalesce((select sum("bytes") from "usageBlocks"), 0)
  + pg_total_relation_size('"usageNames"') + pg_total_relation_size('"usageMinutes"')
  + pg_total_relation_size('"usageHours"') + pg_total_relation_size('"usageDays"')
  + pg_total_relation_size('"lastUses"') as "bytes"`;
