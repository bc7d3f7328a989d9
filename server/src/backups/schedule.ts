import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { rename, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { createFolder, flushFolder } from "../storage/folder.ts";
import {
  type BackupSource,
  backupFiles,
  fileErrorText,
  removeUnfinished,
  writeBackup,
} from "./writeBackup.ts";

export type ScheduleOptions = {
  /** the database file */
  path: string;
  /** the folder in which each backup gets its own folder */
  folder: string;
  everyMs: number;
  /** how many backups are kept */
  keep: number;
  /** Opens the database on another thread, for one backup. */
  open(): Promise<{ db: BackupSource["db"]; close(): Promise<void> }>;
  nowMs(): number;
  onMade(made: { folder: string; durationMs: number }): void;
  onFailed(failure: { folder: string; message: string }): void;
};

export type Schedule = {
  /** Writes a backup if one is due. If a backup is running, waits for it instead. Call it often. Never rejects. */
  tick(): Promise<void>;
  /** Waits until no backup is running. */
  stop(): Promise<void>;
};

/**
 * Backs up a SQLite database regularly, and keeps the newest `keep` backups. After a restart, the next backup is due
 * `everyMs` after the newest backup in the folder. A failed backup is not retried before the next backup is due.
 */
export function scheduleBackups(options: ScheduleOptions): Schedule {
  let attemptedAtMs: number | undefined;
  let running: Promise<void> | undefined;

  function isDue(nowMs: number): boolean {
    attemptedAtMs ??= newestBefore(options, nowMs);
    // `Math.abs`: if the clock was set back, the next backup would otherwise come too late
    return attemptedAtMs === undefined || Math.abs(nowMs - attemptedAtMs) >= options.everyMs;
  }

  async function attempt(): Promise<void> {
    const nowMs = options.nowMs();
    if (!isDue(nowMs)) return;
    attemptedAtMs = nowMs;
    await backUpNow(options, nowMs);
  }

  return {
    async tick() {
      running ??= attempt().finally(() => {
        running = undefined;
      });
      await running;
    },
    stop: async () => running,
  };
}

async function backUpNow(options: ScheduleOptions, nowMs: number): Promise<void> {
  const { path, onMade, onFailed } = options;
  const folder = join(options.folder, nameOf(path, nowMs));
  const unfinished = `${folder}.unfinished`;
  const startedAtMs = performance.now();
  try {
    createFolder(options.folder);
    for (const name of ownFolders(options, ".unfinished")) await removeBackup(options, name);
    mkdirSync(unfinished, { mode: 0o700 });
    await writeWith(options, unfinished);
    await rename(unfinished, folder);
    flushFolder(options.folder);
    onMade({ folder, durationMs: Math.round(performance.now() - startedAtMs) });
    await prune(options, basename(folder));
  } catch (error) {
    await removeBackup(options, basename(unfinished)).catch(() => undefined);
    onFailed({ folder, message: fileErrorText(error) });
  }
}

async function writeWith({ path, open }: ScheduleOptions, folder: string): Promise<void> {
  const { db, close } = await open();
  try {
    await writeBackup({ path, db }, folder);
  } finally {
    await close();
  }
}

/** Removes all but the newest `keep` backups. Never removes `made`, the backup that was just written. */
async function prune(options: ScheduleOptions, made: string): Promise<void> {
  const others = ownFolders(options, "").filter((name) => name !== made);
  for (const name of others.toReversed().slice(options.keep - 1)) await removeBackup(options, name);
}

/** Removes the files of a backup, and then its folder, unless the folder has other files. */
async function removeBackup({ path, folder }: ScheduleOptions, name: string): Promise<void> {
  const whole = join(folder, name);
  if (!existsSync(whole)) return;
  for (const { to } of backupFiles(path, whole)) await rm(to, { force: true });
  removeUnfinished(path, whole);
  await rmdir(whole).catch((error: { code?: string }) => {
    if (error.code !== "ENOTEMPTY") throw error;
  });
}

/** Returns a name such as `latchkey.db-2026-01-31T12-00-00Z`. */
function nameOf(path: string, atMs: number): string {
  const time = new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
  return `${basename(path)}-${time.replaceAll(":", "-")}`;
}

const timePattern = /^(\d{4}-\d{2}-\d{2}T)(\d{2})-(\d{2})-(\d{2}Z)$/;

/**
 * Lists the names of this database's backups, oldest first. `suffix` is `.unfinished`, or empty for complete backups.
 */
function ownFolders({ path, folder }: ScheduleOptions, suffix: string): string[] {
  const isBackup = (name: string) => suffix !== "" || existsSync(join(folder, name, basename(path)));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.endsWith(suffix))
    .map(({ name }) => name)
    .filter(
      (name) => timeOf(path, name.slice(0, name.length - suffix.length)) !== undefined && isBackup(name),
    )
    .sort();
}

function timeOf(path: string, name: string): number | undefined {
  const start = `${basename(path)}-`;
  if (!name.startsWith(start) || !timePattern.test(name.slice(start.length))) return undefined;
  const ms = Date.parse(name.slice(start.length).replace(timePattern, "$1$2:$3:$4"));
  return Number.isNaN(ms) ? undefined : ms;
}

/** Returns the time of the newest backup. Ignores backups that a wrong clock has named after a time in the future. */
function newestBefore(options: ScheduleOptions, nowMs: number): number | undefined {
  if (!existsSync(options.folder)) return undefined;
  const times = ownFolders(options, "").map((name) => timeOf(options.path, name) ?? 0);
  return times.findLast((atMs) => atMs <= nowMs);
}
