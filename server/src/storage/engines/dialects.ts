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

/** Kysely on top of a function that runs SQLite's SQL. The engine handles transactions, not Kysely. */
export function sqliteDb(execute: Execute): Db {
  return kyselyFor(execute, sqlite);
}

/** Kysely on top of a function that runs PostgreSQL's SQL. The engine handles transactions, not Kysely. */
export function postgresDb(execute: Execute): Db {
  return kyselyFor(execute, postgres);
}

type Language = Omit<Dialect, "createDriver">;

/** Drops `for update`: a transaction holds SQLite's only write lock, and SQLite has no row locks. */
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
  db.getExecutor().executeQuery = executeQuery; // skips acquiring and releasing a connection, which would await several times
  return db;
}
