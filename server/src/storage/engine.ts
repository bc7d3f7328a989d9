import type { MaybePromise } from "../domain/maybePromise.ts";
import type { Db, Tx } from "./schema.ts";
import type { Snapshot } from "./snapshot.ts";

/** A database, as the rest of the program uses it. */
export type Engine = {
  name: "sqlite" | "postgres";
  /** for reads of single records, which never wait for slow queries */
  db: Db;
  /** for lists and searches */
  slow: Db;
  /**
   * Many point reads in one read transaction, where each takes about a microsecond. Undefined if the database is across a
   * network, where one statement must read everything.
   */
  snapshot: (<T>(read: (snapshot: Snapshot) => T) => MaybePromise<T>) | undefined;
  /**
   * Runs `work` in one transaction. Resolves when the commit is durable. If `work` throws, the transaction is rolled back.
   * May run `work` several times, because conflicts are retried.
   * Errors: `StorageError`, and whatever `work` throws.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Records, as part of the transaction, which ids change, so that other processes can evict them. */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when another process has changed the database. */
  onForeignChange(listener: (change: ForeignChange) => void): void;
  /** Whether this process knows of all recent changes by others. If not, nothing cached may be used. */
  isCurrent(): boolean;
  /** How many processes serve from this database, including this one. */
  liveNodes(): number;
  /** Throws if the database cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
};

/** `alone`: a name. No two transactions with the same name run at the same time, even in different processes. */
export type TransactionOptions = { alone?: string };

/** `ids` undefined: anything may have changed. `ageMs`: how long ago it changed, if known. */
export type ForeignChange = { ids: readonly string[] | undefined; ageMs?: number };

/** How a database is opened. */
export type StorageOptions = {
  /** whether this process serves requests from the database */
  serving: boolean;
  /** refuses a database that no server has created yet, instead of creating it */
  mustExist?: true;
  /** the most connections to a database server */
  connections: number;
  /** milliseconds of a clock that never goes back */
  monotonicMs(): number;
};

/**
 * Why an operation of the database failed. `lost`: the response to a commit did not arrive, so whether it committed has
 * to be looked up. `not_durable`: it committed, but may not survive a crash. With every other reason nothing was committed.
 * `damaged`: a part of the database cannot be read. `read_only`: the records are being copied, or were copied, to another
 * database.
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

/** What a trigger of `copying/readOnly.ts` has refused. */
export function readOnlyError(cause: unknown): StorageError {
  const message =
    "The database is read-only, because its records are copied to another one. latchkey copy --resume-source ends this.";
  return new StorageError("read_only", message, cause);
}
