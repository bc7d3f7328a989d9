import { readOnlyError, StorageError } from "../engine.ts";

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return codeOf(error)?.startsWith("SQLITE_BUSY") === true;
}

/**
 * Turns a failure of the database (disk, lock, corruption) into a `StorageError`.
 * Returns other errors unchanged: the statement itself caused them.
 */
export function storageError(error: unknown): unknown {
  const code = codeOf(error) ?? "";
  if (code === "SQLITE_CONSTRAINT_TRIGGER") return readOnlyError(error);
  if (code === "SQLITE_FULL") return new StorageError("full", "The disk is full.", error);
  if (isBusy(error)) return new StorageError("busy", "The database is locked.", error);
  if (code.startsWith("SQLITE_CORRUPT")) {
    return new StorageError("damaged", "The database is damaged.", error);
  }
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|NOTADB)/.test(code)) {
    return new StorageError("unavailable", "The database cannot be used.", error);
  }
  return error;
}
