import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { createFolder, flushFolder } from "../storage/folder.ts";
import { attachDatabase, copyDatabase } from "../storage/queries/backup.ts";
import type { Db } from "../storage/schema.ts";

/** The database file to back up. The usage file next to it is backed up too. `db` reads both on another thread. */
export type BackupSource = { path: string; db: Db };

/** Lists the files of a backup in `folder`. The file with the records comes last. */
export function backupFiles(path: string, folder: string) {
  const name = basename(path);
  return [
    { of: "usage", to: join(folder, `${name}-usage`) },
    { of: "main", to: join(folder, name) },
  ];
}

/**
 * Writes consistent copies of the records and of usage to `folder`, even while the server is running. The copies get
 * their final names when both are on disk, so an interrupted backup never looks complete. Does not block this thread.
 * Errors: those of SQLite and of the operating system. After an error, the unfinished copies are removed.
 */
export async function writeBackup({ path, db }: BackupSource, folder: string): Promise<void> {
  const unfinished = join(folder, `${basename(path)}.unfinished-${process.pid}`);
  try {
    createFolder(folder);
    removeUnfinished(path, folder); // left by a backup whose process was killed
    createFolder(unfinished);
    await attachDatabase(db, `${path}-usage`, "usage");
    for (const { of, to } of backupFiles(path, unfinished)) {
      await copyDatabase(db, of, to);
      await flushed(to);
    }
    for (const { to } of backupFiles(path, folder)) await rename(join(unfinished, basename(to)), to);
    flushFolder(folder);
  } finally {
    removeUnfinished(path, folder);
  }
}

/**
 * Removes the folders of interrupted backups of this database. Renames each folder first, so that a thread that is
 * still writing to it fails at its next file.
 */
export function removeUnfinished(path: string, folder: string): void {
  if (!existsSync(folder)) return;
  // in reverse order, `x.removed` comes before `x`, and does not exist anymore when `x` is renamed to it
  for (const name of readdirSync(folder).toSorted().toReversed()) {
    if (!name.startsWith(basename(path)) || !name.includes(".unfinished-")) continue;
    const removed = join(folder, name.endsWith(".removed") ? name : `${name}.removed`);
    renameSync(join(folder, name), removed);
    rmSync(removed, { recursive: true, force: true });
  }
}

/** Flushes a file to disk on another thread, because flushing a large file takes seconds. */
export async function flushed(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Returns what SQLite or the operating system says about an error: of a `StorageError`, the cause's message. */
export function fileErrorText(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
