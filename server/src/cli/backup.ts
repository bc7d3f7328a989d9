import { existsSync } from "node:fs";
import { constants } from "node:os";
import {
  type BackupSource,
  backupFiles,
  fileErrorText,
  removeUnfinished,
  writeBackup,
} from "../backups/writeBackup.ts";
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { CommandError, UsageError } from "./commandError.ts";

/**
 * Returns the path of the database file, and the folder to write the backup to. Errors: `CommandError` if the arguments
 * are wrong, or if the database is not a file or does not exist.
 */
export function backedUpFile(
  database: DatabaseAddress,
  words: readonly string[],
): { path: string; folder: string } {
  const [folder = "", ...rest] = words;
  if (folder === "" || rest.length > 0) throw new UsageError("Usage: latchkey backup <folder>.");
  if (database.kind !== "file") {
    throw new CommandError(
      "latchkey backup copies a SQLite file. Use pg_dump for PostgreSQL; :memory: cannot be backed up.",
    );
  }
  const { path } = database;
  if (!existsSync(path)) throw new CommandError(`There is no database at ${path}.`);
  return { path, folder };
}

/**
 * `latchkey backup <folder>`: writes a backup with `writeBackup`. Returns the paths of the copies. Errors:
 * `CommandError` if the folder already has a backup, or cannot be written.
 */
export async function backUp(source: BackupSource, folder: string): Promise<string> {
  const copies = backupFiles(source.path, folder).toReversed();
  const existing = copies.find(({ to }) => existsSync(to));
  if (existing !== undefined) throw new CommandError(`${existing.to} already exists. Choose another folder.`);
  const stopListening = onSignal(() => removeUnfinished(source.path, folder));
  try {
    await writeBackup(source, folder);
  } catch (error) {
    throw new CommandError(`The backup could not be written to ${folder}: ${fileErrorText(error)}.`);
  } finally {
    stopListening();
  }
  return copies.map(({ to }) => to).join("\n");
}

/** On a signal to stop, runs `work` and exits. Returns a function that removes the signal handlers. */
function onSignal(work: () => void): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const end = (signal: (typeof signals)[number]) => {
    work();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}
