import { readOnlyError, StorageError } from "../engine.ts";

/** Returns SQLite's code of an error; an empty text if the error has no code or, like a `DOMException`, a number. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** Returns whether the statement failed because another connection has the lock that it needs. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY");
}

/**
 * Turns an error of SQLite into a `StorageError` if the cause is the disk, a lock, a damaged file, or that
 * `latchkey copy` has made the database read-only. Returns other errors unchanged, since the statement itself caused
 * them.
 */
export function storageError(error: unknown): unknown {
  const code = codeOf(error);
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
