import { Database } from "bun:sqlite";
import { SQL } from "bun";
import { isPostgres } from "../engine.ts";
import { usageTables } from "../migrations/0006_usage.ts";

import type { Db } from "../schema.ts";
import { postgresDb, type SqlValue, sqliteDb } from "./dialects.ts";

/** A connection to where usage is kept. */
export type UsageDatabase = {
  db: Db;
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
};

/**
 * `url` as for the records: on PostgreSQL usage lives in the same database; on SQLite in a file beside it, which is
 * made here.
 */
export async function openUsageDatabase(url: string): Promise<UsageDatabase> {
  return isPostgres(url) ? openPostgresUsage(url) : openSqliteUsage(url);
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
  };
}

function openPostgresUsage(url: string): UsageDatabase {
  const client = new SQL(url, { max: 1, bigint: false, connection: { application_name: "latchkey usage" } });
  const over = (sql: SQL) =>
    postgresDb(async (text, values: readonly SqlValue[]) =>
      [...(await sql.unsafe(text, [...values]))].map(numbers),
    );
  return {
    db: over(client),
    transaction: (work) => client.begin((tx) => work(over(tx as unknown as SQL))) as Promise<never>,
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
