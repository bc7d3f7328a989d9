import type { Database } from "bun:sqlite";
import type { MigrationTarget } from "../migration.ts";
import type { Tx } from "../schema.ts";
import { type Execute, sqliteDb } from "./dialects.ts";
import { untilEnd } from "./lateStatements.ts";
import { isBusy, storageError } from "./sqliteErrors.ts";

const busyWaitMs = 5_000;

export type SerialQueue = <T>(work: () => Promise<T>) => Promise<T>;

/** Returns a queue that runs one function at a time, in the order in which they were added. */
export function serialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

export async function inTransaction<T>(connection: Database, work: () => Promise<T>): Promise<T> {
  await retryWhileBusy(() => void connection.run("begin immediate"));
  try {
    const result = await work();
    connection.run("commit");
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.run("rollback");
    throw storageError(error);
  }
}

/**
 * Returns a function that runs `work` in the open transaction of the connection. When a statement fails, SQLite may
 * roll back the whole transaction, for example because the disk is full. Further statements of `work` are then refused,
 * because each would be stored by itself. Creating a `tx` takes 4 µs, so each `work` gets the same `tx` until one
 * fails. That `tx` then refuses all statements that the failed `work` still runs.
 */
export function insideTransactions(connection: Database, execute: Execute) {
  const inside: Execute = (sql, values) => {
    if (!connection.inTransaction) throw new Error("SQLite has rolled the transaction back.");
    return execute(sql, values);
  };
  let statements = untilEnd(inside);
  let tx = sqliteDb(statements.execute) as Tx;
  return async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    try {
      return await work(tx);
    } catch (error) {
      statements.end();
      statements = untilEnd(inside);
      tx = sqliteDb(statements.execute) as Tx;
      throw error;
    }
  };
}

/**
 * Runs `work`, and runs it again for up to 5 seconds while another process has the lock that it needs. This thread is
 * not blocked meanwhile.
 */
export async function retryWhileBusy<T>(work: () => T): Promise<T> {
  const giveUpAt = performance.now() + busyWaitMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw storageError(error);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Returns a SQLite database as a target of migrations. */
export function target(connection: Database): MigrationTarget {
  return {
    types: { engine: "sqlite", text: "text", int64: "integer", bytes: "blob", tableEnd: "strict" },
    locked: (work) =>
      inTransaction(connection, () =>
        work(async (sql) => connection.query<Record<string, unknown>, []>(sql).all()),
      ),
  };
}
