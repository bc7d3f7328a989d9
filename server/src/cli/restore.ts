import { type Backup, checkBackup, restoreTo } from "../backups/restore.ts";
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { CommandError, UsageError } from "./commandError.ts";

/**
 * `latchkey restore <file> [--check]`: checks a backup, and copies it to the path of the server's database. No
 * database may exist there yet. With `--check`, only checks the backup. Returns a description of the backup. Errors:
 * `UsageError`, `CommandError`, `RestoreError`.
 */
export async function restore(database: DatabaseAddress, words: readonly string[]): Promise<string> {
  const files = words.filter((word) => word !== "--check");
  const [file = "", ...rest] = files;
  if (file === "" || file.startsWith("-") || rest.length > 0) {
    throw new UsageError("Usage: latchkey restore <file> [--check].");
  }
  if (database.kind !== "file") {
    throw new CommandError(
      "latchkey restore puts a SQLite file in place. Use pg_restore for PostgreSQL; set DATABASE_URL to file:<path> for SQLite.",
    );
  }
  const backup = checkBackup(file);
  if (files.length < words.length) return describe(backup);
  await restoreTo(database.path, backup);
  return `${describe(backup)}\nThe backup is restored to ${database.path}. Start the server now.`;
}

function describe({ path, hasUsage, contents }: Backup): string {
  const { workspaces, apis, keys, identities, newestWriteMs, schema } = contents;
  const newest = newestWriteMs === undefined ? "none" : new Date(newestWriteMs).toISOString();
  return [
    `${path} is intact.`,
    `workspaces   ${workspaces}`,
    `apis         ${apis}`,
    `keys         ${keys}`,
    `identities   ${identities}`,
    `newest write ${newest}`,
    `usage        ${hasUsage ? "included" : "not included"}`,
    `schema       ${schema}`,
  ].join("\n");
}
