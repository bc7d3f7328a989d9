import { type Engine, isPostgres, type StorageOptions } from "./engine.ts";
import { openPostgres } from "./engines/postgres.ts";
import { openSqlite } from "./engines/sqlite.ts";

/**
 * Opens the database that `url` names: `:memory:`, `file:<path>` or `postgres://…`. On SQLite only one process
 * may serve at a time.
 * Errors: `StorageError` with a sentence for the person who started the program.
 */
export async function openStorage(url: string, options: StorageOptions): Promise<Engine> {
  if (isPostgres(url)) return openPostgres(url, options);
  return url === ":memory:" ? openSqlite(url, options) : openSqlite(url.slice("file:".length), options);
}
