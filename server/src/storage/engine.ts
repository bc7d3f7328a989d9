import type { MaybePromise } from "../domain/maybePromise.ts";
import type { Db, Tx } from "./schema.ts";
import type { ReadSlowly } from "./slowReads.ts";
import type { Snapshot } from "./snapshot.ts";

/** An open database, as the rest of the program uses it. */
export type Engine = {
  name: "sqlite" | "postgres";
  /** runs reads of single records, which never wait for the queries of `slow` */
  db: Db;
  /** runs lists and searches, which may take long */
  slow: Db;
  /** Runs a slow read with all its statements where `slow` runs, so that only the result passes between threads. */
  readSlowly: ReadSlowly;
  /**
   * Runs many reads of single rows in one read transaction. Each read takes about a microsecond. Undefined if the
   * database is reached over a network: each read would then be a round trip, so one statement should read everything.
   */
  snapshot: (<T>(read: (snapshot: Snapshot) => T) => MaybePromise<T>) | undefined;
  /**
   * Runs `work` in one transaction. Resolves when the commit is durable. If `work` throws, the transaction is rolled
   * back. If the transaction conflicts with another transaction, `work` runs again. Errors: `StorageError`, and
   * whatever `work` throws.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Stores, in the transaction, the ids of the records that the transaction changes. Other processes read these ids and
   * evict the records from their caches.
   */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when another process has changed the database. */
  onForeignChange(listener: (change: ForeignChange) => void): void;
  /**
   * Returns whether this process knows of all recent changes by other processes. If it does not, no cached record may
   * be used.
   */
  isCurrent(): boolean;
  /** Returns the number of processes that serve from this database, including this one. */
  liveNodes(): number;
  /** Throws if the database cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Options of a transaction. Two transactions with the same name in `alone` never run at the same time, not even in
 * different processes.
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
  /** if set, opening fails if the database does not exist; if not set, opening creates a missing database */
  mustExist?: true;
  /** the maximum number of connections to a database server */
  connections: number;
  /** the time in milliseconds by a clock that never goes back */
  monotonicMs(): number;
};

/**
 * Why the database failed.
 * - `full`: the disk is full.
 * - `busy`: other transactions or connections hold what this call needs.
 * - `unavailable`: the database cannot be opened or reached, does not respond in time, or is an incomplete copy.
 * - `damaged`: a part of the database cannot be read.
 * - `lost`: the response to a commit did not arrive, so it is unknown whether the transaction was committed.
 * - `not_durable`: the transaction was committed, but may not survive a crash.
 * - `newer_schema`: a newer version of Latchkey has migrated the database.
 * - `in_use`: another process serves from this SQLite file.
 * - `read_only`: `latchkey copy` is copying the records to another database, or has copied them.
 *
 * With every reason except `lost` and `not_durable`, nothing was committed.
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

/** Returns the error for a write that was refused because `latchkey copy` has made the database read-only. */
export function readOnlyError(cause: unknown): StorageError {
  const message =
    "The database is read-only, because latchkey copy moves its records to another database. To write to this one again, run latchkey copy --resume-source.";
  return new StorageError("read_only", message, cause);
}
