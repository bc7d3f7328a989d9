import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type { Db, Schema } from "../schema.ts";

export type SqlValue = string | number | null;

/** Runs one statement and returns its rows. */
export type Execute = (sql: string, values: readonly SqlValue[]) => unknown[] | Promise<unknown[]>;

/**
 * Returns a Kysely that compiles queries for SQLite and runs them with `execute`. The engine runs transactions,
 * not Kysely.
 */
export function sqliteDb(execute: Execute): Db {
  return kyselyFor(execute, sqlite);
}

/**
 * Returns a Kysely that compiles queries for PostgreSQL and runs them with `execute`. The engine runs
 * transactions, not Kysely.
 */
export function postgresDb(execute: Execute): Db {
  return kyselyFor(execute, postgres);
}

type Language = Omit<Dialect, "createDriver">;

/**
 * Omits `for update` and the like. SQLite has no row locks and needs none, because only one transaction at a time can
 * write.
 */
class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {}
}

const sqliteAdapter = new SqliteAdapter();
const sqlite: Language = {
  createAdapter: () => sqliteAdapter,
  createQueryCompiler: () => new SqliteCompiler(),
  createIntrospector: (db) => new SqliteIntrospector(db),
};

const postgresAdapter = new PostgresAdapter();
const postgres: Language = {
  createAdapter: () => postgresAdapter,
  createQueryCompiler: () => new PostgresQueryCompiler(),
  createIntrospector: (db) => new PostgresIntrospector(db),
};

function kyselyFor(execute: Execute, language: Language): Db {
  const executeQuery = async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
    const rows = await execute(query.sql, query.parameters as readonly SqlValue[]);
    return { rows: rows as R[] };
  };
  const connection: DatabaseConnection = {
    executeQuery,
    streamQuery() {
      throw new Error("Queries cannot be streamed. Run them with execute().");
    },
  };
  const nothing = async () => undefined;
  const refuse = () =>
    Promise.reject(new Error("Kysely's transactions are not supported. Use the engine's transaction()."));
  const db = new Kysely<Schema>({
    dialect: {
      ...language,
      createDriver: () => ({
        init: nothing,
        acquireConnection: async () => connection,
        releaseConnection: nothing,
        beginTransaction: refuse,
        commitTransaction: refuse,
        rollbackTransaction: refuse,
        destroy: nothing,
      }),
    },
  });
  // replaces Kysely's own method, which acquires and releases a connection for each query and awaits each step
  db.getExecutor().executeQuery = executeQuery;
  return db;
}
