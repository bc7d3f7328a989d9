import type { CompiledQuery } from "kysely";
import type { Db } from "./schema.ts";

/** A read transaction of an embedded database. All its reads see the state of the same moment, and are synchronous. */
export type Snapshot = {
  /** for compiling queries; it cannot run them */
  db: Db;
  /** Runs a compiled query with `parameters` in place of those that it was compiled with. Errors: `StorageError`. */
  rows<R>(query: CompiledQuery<R>, parameters: readonly string[]): R[];
};

/**
 * Defines a query for single rows of one table. The query is compiled once, at its first use. `build` must use each of
 * its parameters exactly once and in their order, because later calls only pass new values in this order.
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
