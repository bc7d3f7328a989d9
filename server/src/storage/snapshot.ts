import type { CompiledQuery } from "kysely";
import type { Db } from "./schema.ts";

/** A read transaction of an embedded database. All reads see the database at the same moment, and are synchronous. */
export type Snapshot = {
  /** compiles queries, but does not run them */
  db: Db;
  /** Runs the query with these parameters instead of its own. Errors: `StorageError`. */
  rows<R>(query: CompiledQuery<R>, parameters: readonly string[]): R[];
};

/**
 * Defines a read of single rows in one table. It is compiled on its first use. `build` must use each of its
 * parameters once, in their order.
 */
export function lookUp<R, Values extends string[]>(
  build: (db: Db, ...values: Values) => CompiledQuery<R>,
): (snapshot: Snapshot, ...values: Values) => R[] {
  let query: CompiledQuery<R> | undefined;
  return (snapshot, ...values) => {
    query ??= build(snapshot.db, ...values);
    return snapshot.rows(query, values);
  };
}
