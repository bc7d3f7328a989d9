import { scheduleBackups } from "../backups/schedule.ts";
import { type Config, ConfigError } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { openBackgroundReader } from "../storage/open.ts";

/** Checks the settings of regular backups. Errors: `ConfigError` if the database is not a file. */
export function refuseBackups({ BACKUP_FOLDER, DATABASE_URL: { kind } }: Config): void {
  if (BACKUP_FOLDER === undefined || kind === "file") return;
  throw new ConfigError(
    kind === "postgres"
      ? "BACKUP_FOLDER is for SQLite, but DATABASE_URL is PostgreSQL: unset BACKUP_FOLDER, and back up with pg_dump."
      : "BACKUP_FOLDER is set, but a database in :memory: cannot be backed up: unset BACKUP_FOLDER.",
  );
}

const checkEveryMs = 15_000;

/** Starts the regular backups, if `BACKUP_FOLDER` is set. Returns a function that stops them. */
export function startBackups(
  config: Config,
  { nowMs, log, metrics }: { nowMs(): number; log: Log; metrics: Metrics },
): () => Promise<void> {
  const { BACKUP_FOLDER: folder, DATABASE_URL: database } = config;
  if (folder === undefined || database.kind !== "file") return async () => undefined;
  const counts = { made: 0, failed: 0 };
  let madeAtMs = 0;
  const { tick, stop } = scheduleBackups({
    path: database.path,
    folder,
    everyMs: config.BACKUP_EVERY_MINUTES * 60_000,
    keep: config.BACKUP_KEEP,
    async open() {
      // creates the usage file if the server has not counted anything yet
      const usage = await openUsageDatabase(database);
      await usage.close();
      return openBackgroundReader(database.path);
    },
    nowMs,
    onMade(made) {
      counts.made += 1;
      madeAtMs = nowMs();
      log("info", "backup_made", made);
    },
    onFailed(failure) {
      counts.failed += 1;
      log("error", "backup_failed", failure);
    },
  });
  metrics.counter("latchkey_backups_total", "Regular backups that were made or that failed.", () => [
    { labels: 'result="made"', value: counts.made },
    { labels: 'result="failed"', value: counts.failed },
  ]);
  metrics.gauge(
    "latchkey_backup_last_made_timestamp_seconds",
    "When this process last completed a backup, as Unix time in seconds; 0 if it has not completed any.",
    () => madeAtMs / 1_000,
  );
  void tick();
  const timer = setInterval(() => void tick(), checkEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await stop();
  };
}
