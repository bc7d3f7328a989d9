import type { Db, Tx } from "./schema.ts";

/** A database: what the rest of the program asks of it. */
export type Engine = {
  name: "sqlite" | "postgres";
  /** point reads, which never wait for a slow one */
  db: Db;
  /** lists and searches */
  slow: Db;
  /**
   * Runs `work` in one transaction. Resolves when the commit is durable; when `work` throws, nothing is kept. Run
   * again where the database asks for it.
   * Errors: `StorageError`, and whatever `work` throws.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Leaves word for other processes that the things with these ids change; part of the transaction. */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when another process has changed the database. */
  onForeignChange(listener: (change: ForeignChange) => void): void;
  /** Whether this process has lately learnt of all that others changed: nothing cached may be used while not. */
  isCurrent(): boolean;
  /** How many processes serve from this database, this one among them. */
  liveNodes(): number;
  /** Throws where the database cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
};

/** `alone`: no two transactions of the same name run at once, in whatever process. */
export type TransactionOptions = { alone?: string };

/** `ids` undefined: anything may have changed. `ageMs`: how long ago, where it is known. */
export type ForeignChange = { ids: readonly string[] | undefined; ageMs?: number };

/** How a database is opened. */
export type StorageOptions = {
  /** whether this process answers requests from it */
  serving: boolean;
  /** most connections to a database server */
  connections: number;
  /** milliseconds of a clock that never goes back */
  monotonicMs(): number;
};

/**
 * Why the database did not do it. `lost`: the answer to a commit did not arrive, its outcome can be looked up;
 * `not_durable`: it was committed and may not survive; otherwise nothing was kept.
 */
export type StorageReason =
  | "full"
  | "busy"
  | "unavailable"
  | "lost"
  | "not_durable"
  | "newer_schema"
  | "in_use";

export class StorageError extends Error {
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "StorageError";
    this.reason = reason;
  }
}

/** Whether `url` names a PostgreSQL database, from which several processes may serve. */
export function isPostgres(url: string): boolean {
  return /^postgres(ql)?:/.test(url);
}
