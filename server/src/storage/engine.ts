import type { MaybePromise } from "../domain/maybePromise.ts";
import type { Db, Tx } from "./schema.ts";
import type { ReadSlowly } from "./slowReads.ts";
import type { Snapshot } from "./snapshot.ts";

/** A database, as the rest of the program uses it. */
export type Engine = {
  name: "sqlite" | "postgres";
  /** for reads of single records; they never wait for the queries of `slow` */
  db: Db;
  /** for lists and searches, which may take long */
  slow: Db;
  /** Runs a slow read as a whole, so that only its result passes between threads. */
  readSlowly: ReadSlowly;
  /**
   * Runs many reads of single rows in one read transaction; each takes about a microsecond. Undefined if the database
   * is reached over a network: then one statement should read everything.
   */
  snapshot: (<T>(read: (snapshot: Snapshot) => T) => MaybePromise<T>) | undefined;
  /**
   * Runs `work` in one transaction. Resolves when the commit is durable. If `work` throws, the transaction is rolled back.
   * May run `work` several times, because conflicts are retried.
   * Errors: `StorageError`, and whatever `work` throws.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Stores, in the transaction, the ids of the records that it
   * changes, so that other processes evict them from their caches.
   */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when another process has changed the database. */
  onForeignChange(listener: (change: ForeignChange) => void): void;
  /** Whether this process knows of all recent changes by other processes. If not, nothing cached may be used. */
  isCurrent(): boolean;
  /** the number of processes that serve from this database, including this one */
  liveNodes(): number;
  /** Throws if the database cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
};

/**
 * `alone` is a name: two transactions with the same name never run at the same time, not even in different processes.
 */
export type TransactionOptions = { alone?: string };

/**
 * A change by another process. `ids` has the ids of the changed records; if it is undefined, any record may have
 * changed. `ageMs` is the time since the change, if it is known.
 */
export type ForeignChange = { ids: readonly string[] | undefined; ageMs?: number };

/** The options for opening a database. */
export type StorageOptions = {
  /** whether this process serves requests from the database */
  serving: boolean;
  /** refuses a database that no server has created yet, instead of creating it */
  mustExist?: true;
  /** the maximum number of connections to a database server */
  connections: number;
  /** the time in milliseconds by a clock that never goes back */
  monotonicMs(): number;
};

/**
 * Why the database failed.
 * - `lost`: the response to a commit did not arrive, so it is unknown whether the transaction committed.
 * - `not_durable`: the transaction committed, but may not survive a crash.
 * - `damaged`: a part of the database cannot be read.
 * - `read_only`: the records are being copied to another database, or were copied.
 *
 * With every reason except the first two, nothing was committed.
 */
export type StorageReason =
  | "full"
  | "busy"
  | "unavailable"
  | "damaged"
  | "lost"
  | "not_durable"
  | "newer_schema"
  | "in_use"
  | "read_only";

export class StorageError extends Error {
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "StorageError";
    this.reason = reason;
  }
}

/** The error for a write that a trigger of `copying/readOnly.ts` has refused. */
export function readOnlyError(cause: unknown): StorageError {
  const message =
    "The database is read-only, because its records are copied to another one. latchkey copy --resume-source ends this.";
  return new StorageError("read_only", message, cause);
}
