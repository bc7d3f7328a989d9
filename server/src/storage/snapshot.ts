import type { CompiledQuery } from "kysely";
import type { Db } from "./schema.ts";

/** Reads that all see the database at the same moment, each done before `rows` returns. */
export type Snapshot = {
  /** only compiles */
  db: Db;
  /** Runs the query with these parameters instead of its own. Errors: `StorageError`. */
  rows<R>(query: CompiledQuery<R>, parameters: readonly string[]): R[];
};

/** A point read of one table, compiled on its first use. `build` must use each of its parameters once, in their order. */
export function lookUp<R, Values extends string[]>(
  build: (db: Db, ...values: Values) => CompiledQuery<R>,
): (snapshot: Snapshot, ...values: Values) => R[] {
  let query: CompiledQuery<R> | undefined;
  return (snapshot, ...values) => {
    query ??= build(snapshot.db, ...values);
    return snapshot.rows(query, values);
  };
}
