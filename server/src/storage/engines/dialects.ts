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

/** Runs one statement and answers its rows. */
export type Execute = (sql: string, values: readonly SqlValue[]) => unknown[] | Promise<unknown[]>;

/** Kysely over one function that speaks SQLite's SQL; transactions are the engine's, not Kysely's. */
export function sqliteDb(execute: Execute): Db {
  return over(execute, sqlite);
}

/** Kysely over one function that speaks PostgreSQL's SQL; transactions are the engine's, not Kysely's. */
export function postgresDb(execute: Execute): Db {
  return over(execute, postgres);
}

type Language = Omit<Dialect, "createDriver">;

/** A transaction holds SQLite's only write lock: there are no rows to lock one by one. */
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

function over(execute: Execute, language: Language): Db {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const rows = await execute(query.sql, query.parameters as readonly SqlValue[]);
      return { rows: rows as R[] };
    },
    streamQuery() {
      throw new Error("streaming is not offered");
    },
  };
  const nothing = async () => undefined;
  const refuse = () => Promise.reject(new Error("transactions are the engine's"));
  return new Kysely<Schema>({
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
}
