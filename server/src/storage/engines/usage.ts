import { Database } from "bun:sqlite";
import { SQL } from "bun";
import { isPostgres } from "../engine.ts";
import { usageTables } from "../migrations/0006_usage.ts";
import type { Db } from "../schema.ts";
import { postgresDb, type SqlValue, sqliteDb } from "./dialects.ts";
import { isConflict } from "./postgresErrors.ts";
import { session, within } from "./postgresLink.ts";

/** A connection to where usage is kept. One that has failed is to be closed, and another opened. */
export type UsageDatabase = {
  db: Db;
  /** Run again where another process's transaction stood in the way. */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/**
 * `url` as for the records: on PostgreSQL usage lives in the same database; on SQLite in a file beside it, which is
 * made here. What a server does not answer within `deadlineMs` fails, and so does a transaction that takes longer.
 */
export async function openUsageDatabase(url: string, deadlineMs = 20_000): Promise<UsageDatabase> {
  return isPostgres(url) ? openPostgresUsage(url, deadlineMs) : openSqliteUsage(url);
}

function openSqliteUsage(url: string): UsageDatabase {
  const path = url === ":memory:" ? url : `${url.slice("file:".length)}-usage`;
  const connection = new Database(path, { create: true, readwrite: true });
  connection.run("pragma journal_mode = wal");
  connection.run("pragma synchronous = normal");
  connection.run("pragma busy_timeout = 5000");
  const types = { engine: "sqlite", text: "text", int64: "integer", tableEnd: "strict" } as const;
  for (const statement of usageTables(types)) connection.run(statement);
  const db = sqliteDb((sql, values) => connection.query(sql).all(...values));
  return {
    db,
    async transaction(work) {
      connection.run("begin immediate");
      try {
        const result = await work(db);
        connection.run("commit");
        return result;
      } catch (error) {
        if (connection.inTransaction) connection.run("rollback");
        throw error;
      }
    },
    close: async () => connection.close(),
  };
}

const attempts = 4;

/** Counts that a crash of the server loses are no harm, so nothing waits for its disk. */
const usageSession = {
  ...session,
  application_name: "latchkey usage",
  synchronous_commit: "off",
  statement_timeout: 10_000,
};

function openPostgresUsage(url: string, deadlineMs: number): UsageDatabase {
  const database = decodeURIComponent(new URL(url).pathname.slice(1));
  const client = new SQL(url, { max: 1, database, connectionTimeout: 5, connection: usageSession });
  const over = (sql: SQL) =>
    postgresDb(async (text, values: readonly SqlValue[]) =>
      [...(await within(deadlineMs, sql.unsafe(text, [...values])))].map(numbers),
    );
  async function transaction<T>(work: (tx: Db) => Promise<T>, attempt = 1): Promise<T> {
    try {
      const begun = client.begin((tx) => work(over(tx as unknown as SQL)));
      return (await within(deadlineMs, begun)) as T;
    } catch (error) {
      if (attempt === attempts || !isConflict(error)) throw error;
      return transaction(work, attempt + 1);
    }
  }
  return {
    db: over(client),
    transaction: (work) => transaction(work),
    close: () => client.close({ timeout: 0 }),
  };
}

/** int8 comes as text where it might not fit a number; ours always do. */
function numbers(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name === "count" || name === "credits" || name.endsWith("Ms") ? Number(value) : value,
    ]),
  );
}
