import type { Db, Tx } from "./schema.ts";

/** A database: what the rest of the program asks of it. */
export type Engine = {
  name: "sqlite" | "postgres";
  /** point reads, which never wait for a slow one */
  db: Db;
  /** lists and searches */
  slow: Db;
  /**
   * Runs `work` in one transaction. Resolves when the commit is durable; when `work` throws, nothing is kept.
   * Errors: `StorageError`, and whatever `work` throws.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Calls `listener` when another process has changed the database. */
  onForeignChange(listener: () => void): void;
  /** Throws where the database cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
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
