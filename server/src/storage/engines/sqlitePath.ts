import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { StorageError } from "../engine.ts";

/** The suffixes of the database file (none) and of the files that SQLite and this program keep next to it. */
const suffixes = ["", "-wal", "-shm", "-serving", "-usage", ".counters"];

/**
 * Checks that the database can be written, and that it has no second hard link. SQLite names the write-ahead log after
 * the path of the database, so a database with two paths could get two logs. Errors: `StorageError` with a message for
 * the operator.
 */
export function checkDatabasePath(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isFile() && file.nlink > 1) {
    throw new StorageError(
      "unavailable",
      `The database ${path} has a second name (a hard link), so two servers could open it at the same time. Remove one of the names, or replace it with a symbolic link.`,
    );
  }
  for (const used of [dirname(path), ...suffixes.map((suffix) => path + suffix)]) checkWritable(path, used);
}

function checkWritable(database: string, path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT") return; // the file does not exist yet, and will be created
    throw new StorageError(
      "unavailable",
      `The database ${database} cannot be opened for writing: ${path} cannot be written by this user (${code}). Change its owner or permissions.`,
    );
  }
}
