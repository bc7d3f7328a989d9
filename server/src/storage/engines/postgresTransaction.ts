import type { ReservedSQL } from "bun";
import { StorageError, type TransactionOptions } from "../engine.ts";
import type { Tx } from "../schema.ts";
import { postgresDb, type SqlValue } from "./dialects.ts";
import { isConflict, isConnectionFailure, storageError } from "./postgresErrors.ts";
import { Late, type Link, type Pools, within } from "./postgresLink.ts";
import { ask, type Rows } from "./postgresQuery.ts";

const attempts = 4;
const reserveMs = 5_000;
/** above the lock timeout, whose answer says more */
const statementMs = 6_500;

/**
 * Runs `work` between `begin` and `commit`; again after a conflict with another transaction, and where the
 * connection broke before the commit was sent.
 * Errors: `StorageError`, and what `work` throws.
 */
export async function transact<T>(
  link: Link,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    try {
      return await tryOnce(link, work, options);
    } catch (error) {
      if (!mayRunAgain(error)) throw error;
      if (isConflict(error)) await pause(attempt);
    }
  }
  return tryOnce(link, work, options);
}

async function tryOnce<T>(link: Link, work: (tx: Tx) => Promise<T>, options: TransactionOptions): Promise<T> {
  const pools = link.pools();
  try {
    const result = await once(pools, work, options);
    link.answered();
    return result;
  } catch (error) {
    if (isConnectionFailure(error)) await link.suspect(pools);
    throw error;
  }
}

/** Nothing was kept, and whoever stood in the way may be gone. */
function mayRunAgain(error: unknown): boolean {
  if (error instanceof StorageError && error.reason === "lost") return false;
  return isConflict(error) || isConnectionFailure(error);
}

type Run = (sql: string, values?: readonly SqlValue[]) => Promise<Rows>;

async function once<T>(
  pools: Pools,
  work: (tx: Tx) => Promise<T>,
  { alone }: TransactionOptions,
): Promise<T> {
  const connection = await reserve(pools);
  const run: Run = async (sql, values) => {
    try {
      return await within(statementMs, ask(connection, sql, values));
    } catch (error) {
      if (!(error instanceof Late)) throw storageError(error);
      throw new StorageError("unavailable", "The database did not answer.");
    }
  };
  try {
    await run("begin");
    if (alone !== undefined) await run("select pg_advisory_xact_lock(hashtextextended($1, 0))", [alone]);
    const result = await work(postgresDb(run) as Tx);
    await commit(run);
    await connection.release();
    return result;
  } catch (error) {
    await abandon(connection, error);
    throw error;
  }
}

async function reserve({ writes }: Pools): Promise<ReservedSQL> {
  try {
    return await writes.reserve({ signal: AbortSignal.timeout(reserveMs) });
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw storageError(error);
    throw new StorageError("busy", "All connections to the database are in use.", error);
  }
}

/** Errors: `StorageError` `lost` where nobody knows whether the server did it. */
async function commit(run: Run): Promise<void> {
  let command: string | null;
  try {
    ({ command } = await run("commit"));
  } catch (error) {
    if (!isConnectionFailure(error)) throw error;
    throw new StorageError("lost", "The answer to a commit did not arrive.", error);
  }
  // how the server answers where a statement had failed and `work` went on
  if (command !== "COMMIT") throw new Error(`a transaction ended by ${command}`);
}

/** Ends the transaction; a connection that no longer answers is closed, which ends it too. */
async function abandon(connection: ReservedSQL, reason: unknown): Promise<void> {
  try {
    if (isConnectionFailure(reason)) throw reason;
    await within(statementMs, connection.unsafe("rollback"));
    await connection.release();
  } catch {
    await connection.close({ timeout: 0 }).catch(() => undefined);
  }
}

/** Milliseconds at random, more after each attempt, so that two that met do not meet again. */
function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** attempt));
}
