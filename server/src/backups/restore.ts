import { existsSync, readdirSync, statSync } from "node:fs";
import { chmod, copyFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Contents, flawOfUsage, inspectRecords } from "../storage/engines/inspect.ts";
import { createFolder, flushFolder } from "../storage/folder.ts";
import { fileErrorText, flushed } from "./writeBackup.ts";

/** The error for a backup that cannot be restored. The message tells the operator why and what to do. */
export class RestoreError extends Error {}

export type Backup = { path: string; hasUsage: boolean; contents: Contents };

/**
 * Checks that the files of a backup are intact, and that they were written by this version of Latchkey or an older one.
 * Errors: `RestoreError`.
 */
export function checkBackup(path: string): Backup {
  refuseOtherThanFile(path);
  const log = `${path}-wal`;
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new RestoreError(
      `${log} exists, so ${path} is a database in use and not a backup. Create a backup with latchkey backup.`,
    );
  }
  const found = inspectRecords(path);
  if ("flaw" in found) throw new RestoreError(`${path} ${found.flaw}. Use another backup.`);
  const usage = `${path}-usage`;
  const hasUsage = existsSync(usage);
  const flaw = hasUsage ? flawOfUsage(usage) : undefined;
  if (flaw !== undefined) {
    throw new RestoreError(
      `${usage} ${flaw}. Use another backup, or move ${usage} away to restore without usage.`,
    );
  }
  return { path, hasUsage, contents: found.contents };
}

function refuseOtherThanFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new RestoreError(`There is no file ${path}. Give the path of the database file in a backup.`);
  }
  if (found.isFile()) return;
  const inside = found.isDirectory() ? readdirSync(path).find((name) => name.endsWith(".db")) : undefined;
  const hint =
    inside === undefined
      ? "Give the path of the database file in a backup."
      : `Did you mean ${join(path, inside)}?`;
  throw new RestoreError(`${path} is not a file. ${hint}`);
}

/** The suffixes of a backup's files. The records are renamed last, because a server refuses to start without them. */
const suffixes = ["-usage", ""];
/** The suffixes of all files that may belong to a database. */
const databaseSuffixes = ["-wal", "-shm", "-usage-wal", "-usage-shm", ".counters", ".copying", "-usage", ""];

/**
 * Copies a backup to `target`, the path of the database. The copies get their final names when all of them are on disk.
 * Errors: `RestoreError`, also if a file of a database already exists at `target`.
 */
export async function restoreTo(target: string, { path, hasUsage }: Backup): Promise<void> {
  const existing = databaseSuffixes.map((suffix) => target + suffix).filter((file) => existsSync(file));
  if (existing.length > 0) {
    throw new RestoreError(
      `Nothing was restored, because ${existing.join(", ")} exist${existing.length === 1 ? "s" : ""}. Stop the server and move ${existing.length === 1 ? "it" : "them"} away first.`,
    );
  }
  const unfinished = `${target}.restoring`;
  const copied = suffixes.filter((suffix) => suffix === "" || hasUsage);
  try {
    createFolder(dirname(target));
    for (const suffix of copied) await copyTo(path + suffix, unfinished + suffix);
    for (const suffix of copied) await rename(unfinished + suffix, target + suffix);
    flushFolder(dirname(target));
  } catch (error) {
    throw new RestoreError(`${basename(path)} could not be restored to ${target}: ${fileErrorText(error)}.`);
  } finally {
    for (const suffix of suffixes) await rm(unfinished + suffix, { force: true });
  }
}

async function copyTo(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o600);
  await flushed(to);
}
