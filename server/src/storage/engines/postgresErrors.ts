import { StorageError } from "../engine.ts";

/** Whether the server or the way to it is in doubt, not the statement: what was under way has an unknown end. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof StorageError) return error.reason === "unavailable" || error.reason === "lost";
  const { code, errno } = driverError(error);
  // a server that is shutting down; a standby that was asked to write, or for a connection to write on
  if (typeof errno === "string") return /^(08|57P0|25006|25001)/.test(errno);
  const broken = /^ERR_POSTGRES_(CONNECTION|IDLE|LIFETIME|EXPECTED|UNEXPECTED)/;
  return typeof code === "string" && broken.test(code);
}

/** Whether what other transactions did meanwhile stood in the way, so that this one may be run again. */
export function isConflict(error: unknown): boolean {
  return conflictStates.has(driverError(error).errno);
}

/** serialization failure, deadlock; what was there or was not when it was read: foreign key, unique */
const conflictStates = new Set<unknown>(["40001", "40P01", "23503", "23505"]);

/** What callers are told of a driver's error; what is none of the database's circumstances stays as it is. */
export function storageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  if (isConnectionFailure(error)) {
    return new StorageError("unavailable", "The database cannot be reached.", error);
  }
  const { errno } = driverError(error);
  if (errno === "53100") return new StorageError("full", "The database's disk is full.", error);
  if (busyStates.has(errno)) return new StorageError("busy", "The database is busy.", error);
  return error;
}

/** conflict, deadlock, lock timeout, statement timeout, idle transaction timeout; out of memory, connections, slots */
const busyStates = new Set<unknown>(["40001", "40P01", "55P03", "57014", "25P03", "53200", "53300", "53400"]);

/** `errno` is the SQLSTATE where the server sent one. */
function driverError(error: unknown): { code?: unknown; errno?: unknown } {
  const origin = error instanceof StorageError ? error.cause : error;
  return (origin ?? {}) as { code?: unknown; errno?: unknown };
}
