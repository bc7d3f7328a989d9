import { StorageError, type TransactionOptions } from "../engine.ts";
import type { Tx } from "../schema.ts";
import { Late, within } from "./deadline.ts";
import { postgresDb, type SqlValue } from "./dialects.ts";
import { untilEnd } from "./lateStatements.ts";
import { isConflict, isConnectionFailure, storageError } from "./postgresErrors.ts";
import type { Link, Pools } from "./postgresLink.ts";
import type { Reserved } from "./postgresPool.ts";
import { ask, type Rows } from "./postgresQuery.ts";

const attempts = 4;
const reserveMs = 5_000;
/**
 * The time limit of a statement. It is longer than PostgreSQL's lock timeout: a statement that waits for a lock should
 * fail with PostgreSQL's error, which says more than ours.
 */
const statementMs = 6_500;

/**
 * Runs `work` in a transaction. Runs it again after a conflict with another transaction, or if the connection was lost
 * before the commit was sent. Errors: `StorageError`, and what `work` throws.
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
      if (!mayRetry(error)) throw error;
      if (isConflict(error)) await pause(attempt);
    }
  }
  return tryOnce(link, work, options);
}

async function tryOnce<T>(link: Link, work: (tx: Tx) => Promise<T>, options: TransactionOptions): Promise<T> {
  const pools = link.pools();
  try {
    const result = await once(pools, work, options);
    link.responded();
    return result;
  } catch (error) {
    if (isConnectionFailure(error)) await link.suspect(pools);
    throw error;
  }
}

/** Returns whether a transaction may run again after this error: only if it certainly was not committed. */
function mayRetry(error: unknown): boolean {
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
      return await within(statementMs, ask(connection.client, sql, values));
    } catch (error) {
      if (!(error instanceof Late)) throw storageError(error);
      throw new StorageError("unavailable", "The database did not respond in time.");
    }
  };
  try {
    await run("begin");
    if (alone !== undefined) await run("select pg_advisory_xact_lock(hashtextextended($1, 0))", [alone]);
    const { execute, end } = untilEnd(run);
    const result = await work(postgresDb(execute) as Tx).finally(end);
    await commit(run);
    connection.release();
    return result;
  } catch (error) {
    await abandon(connection, error);
    throw error;
  }
}

async function reserve({ writes }: Pools): Promise<Reserved> {
  try {
    return await writes.reserve(reserveMs);
  } catch (error) {
    throw storageError(error);
  }
}

/** Commits. Errors: `StorageError` `lost` if it is unknown whether PostgreSQL has committed. */
async function commit(run: Run): Promise<void> {
  let command: string | null;
  try {
    ({ command } = await run("commit"));
  } catch (error) {
    if (!isConnectionFailure(error)) throw error;
    throw new StorageError(
      "lost",
      "The database did not confirm a commit, so the change may or may not have been stored.",
      error,
    );
  }
  // PostgreSQL responds ROLLBACK if a statement had failed and `work` ignored the error
  if (command !== "COMMIT")
    throw new Error(`The transaction ended with ${command} instead of COMMIT: a statement in it had failed.`);
}

/** Rolls the transaction back. If the connection no longer responds, closes it, which makes PostgreSQL roll back. */
async function abandon(connection: Reserved, reason: unknown): Promise<void> {
  try {
    if (isConnectionFailure(reason)) throw reason;
    await within(statementMs, connection.client.unsafe("rollback"));
    connection.release();
  } catch {
    connection.discard();
  }
}

/** Waits longer with each attempt, with jitter, so that two transactions that conflicted do not conflict again. */
function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** attempt));
}
