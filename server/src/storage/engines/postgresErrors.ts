import { readOnlyError, StorageError } from "../engine.ts";

/**
 * Returns whether the server or the connection has failed, rather than the statement. If so, it is unknown whether the
 * statement took effect.
 */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof StorageError) return error.reason === "unavailable" || error.reason === "lost";
  const { code, errno } = driverError(error);
  // 08: the connection; 57P0: the server is shutting down; 25006: a write on a standby
  if (typeof errno === "string") return /^(08|57P0|25006)/.test(errno);
  const broken = /^ERR_POSTGRES_(CONNECTION|IDLE|LIFETIME|EXPECTED|UNEXPECTED)/;
  return typeof code === "string" && broken.test(code);
}

/** Returns whether the transaction conflicted with another one, so that it may be retried. */
export function isConflict(error: unknown): boolean {
  return conflictStates.has(driverError(error).errno);
}

/**
 * The SQLSTATEs of conflicts: serialization failure, deadlock, and violations of a foreign key or a unique constraint.
 * Our transactions check constraints before they write, so a violation means that another transaction has changed
 * something since the check.
 */
const conflictStates = new Set<unknown>(["40001", "40P01", "23503", "23505"]);

/**
 * Turns an error of the driver into a `StorageError` if the cause is the state of the database or the connection.
 * Returns other errors unchanged.
 */
export function storageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  if (isConnectionFailure(error)) {
    return new StorageError("unavailable", "The database cannot be reached.", error);
  }
  const { errno } = driverError(error);
  if (errno === "LK001") return readOnlyError(error);
  if (errno === "53100") return new StorageError("full", "The database's disk is full.", error);
  if (errno === "XX001" || errno === "XX002") {
    return new StorageError("damaged", "The database is damaged.", error);
  }
  if (busyStates.has(errno)) return new StorageError("busy", "The database is busy.", error);
  return error;
}

/**
 * The SQLSTATEs that mean "try again later": serialization failure, deadlock, lock timeout, statement timeout, idle
 * transaction timeout; out of memory, too many connections, configured limit exceeded.
 */
const busyStates = new Set<unknown>(["40001", "40P01", "55P03", "57014", "25P03", "53200", "53300", "53400"]);

/** Returns the driver's codes of an error. `errno` is the SQLSTATE if the server sent one. */
function driverError(error: unknown): { code?: unknown; errno?: unknown } {
  const origin = error instanceof StorageError ? error.cause : error;
  return (origin ?? {}) as { code?: unknown; errno?: unknown };
}
