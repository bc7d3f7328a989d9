import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type { Db, Schema } from "../schema.ts";

export type SqlValue = string | number | null;

/** Runs one statement and answers its rows. */
export type Execute = (sql: string, values: readonly SqlValue[]) => unknown[] | Promise<unknown[]>;

/** Kysely over one function; transactions are the engine's, not Kysely's. */
export function sqliteDb(execute: Execute): Db {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const rows = await execute(query.sql, query.parameters as readonly SqlValue[]);
      return { rows: rows as R[] };
    },
    streamQuery() {
      throw new Error("streaming is not offered");
    },
  };
  return new Kysely<Schema>({ dialect: dialect(connection) });
}

function dialect(connection: DatabaseConnection): Dialect {
  const nothing = async () => undefined;
  const refuse = () => Promise.reject(new Error("transactions are the engine's"));
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => ({
      init: nothing,
      acquireConnection: async () => connection,
      releaseConnection: nothing,
      beginTransaction: refuse,
      commitTransaction: refuse,
      rollbackTransaction: refuse,
      destroy: nothing,
    }),
  };
}
