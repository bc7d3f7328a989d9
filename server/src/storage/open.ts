import type { Engine } from "./engine.ts";
import { openSqlite } from "./engines/sqlite.ts";

/**
 * Opens the database that `url` names: `:memory:` or `file:<path>`. `serving` is whether this process answers
 * requests from it, which on SQLite only one process may do at a time.
 * Errors: `StorageError` with a sentence for the person who started the program.
 */
export async function openStorage(url: string, options: { serving: boolean }): Promise<Engine> {
  return url === ":memory:" ? openSqlite(url, options) : openSqlite(url.slice("file:".length), options);
}
