import { StorageError } from "../engine.ts";

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

/** Whether another connection is in the way. */
export function isBusy(error: unknown): boolean {
  return codeOf(error)?.startsWith("SQLITE_BUSY") === true;
}

/** What SQLite says as a `StorageError`, where the database is the matter and not the statement. */
export function storageError(error: unknown): unknown {
  const code = codeOf(error) ?? "";
  if (code === "SQLITE_FULL") return new StorageError("full", "The disk is full.", error);
  if (isBusy(error)) return new StorageError("busy", "The database is locked.", error);
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB)/.test(code)) {
    return new StorageError("unavailable", "The database cannot be used.", error);
  }
  return error;
}
