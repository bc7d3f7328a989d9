import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { type DatabaseAddress, parseDatabaseUrl } from "../../domain/databaseAddress.ts";
import { secret, secretFile, whole } from "./forms.ts";

/** Where records and counters are, the secrets that protect them, and backups. */
export const storage = {
  DATABASE_URL: z
    .string()
    .transform((text, context) => {
      const address = parseDatabaseUrl(text, process.platform === "win32");
      if (!("flaw" in address)) return withoutLinks(address);
      context.addIssue({ code: "custom", message: address.flaw });
      return z.NEVER;
    })
    .prefault("file:./data/latchkey.db")
    .describe(
      "The database: file:<path> for SQLite, :memory: (lost at exit), or postgres://… for PostgreSQL.",
    ),
  DATABASE_CONNECTIONS: whole(4, 1000)
    .default(16)
    .describe("Maximum number of connections from this process to PostgreSQL."),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be redis://<host>:<port>, or rediss:// for TLS" })
    .optional()
    .describe("Redis or Valkey, which counts rate limits for several nodes."),
  ALLOW_LOCAL_COUNTERS: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: allows PostgreSQL without Redis. Each node then grants every rate limit in full."),
  LATCHKEY_ROOT_KEY: secret("LATCHKEY_ROOT_KEY").describe(
    "The root key to create in an empty database. The command line also authenticates with it.",
  ),
  LATCHKEY_ROOT_KEY_FILE: secretFile("LATCHKEY_ROOT_KEY"),
  RECOVERY_KEY: secret("RECOVERY_KEY").describe(
    "32 random bytes in base64 that encrypt recoverable keys; unset: keys cannot be recoverable.",
  ),
  RECOVERY_KEY_FILE: secretFile("RECOVERY_KEY"),
  BACKUP_FOLDER: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A folder for regular backups of a SQLite database, which the running server writes; unset: no backups.",
    ),
  BACKUP_EVERY_MINUTES: whole(1, 525_600)
    .default(1_440)
    .describe("Minutes from one regular backup to the next."),
  BACKUP_KEEP: whole(1, 100_000)
    .default(7)
    .describe("How many regular backups are kept; older ones are deleted."),
};

/** Returns an address without symbolic links, so that all links to a file give the same address. */
function withoutLinks(address: DatabaseAddress): DatabaseAddress {
  return address.kind === "file" ? { kind: "file", path: pathWithoutLinks(address.path) } : address;
}

/** Returns the path without symbolic links. If it has none or the file does not exist, returns `path` unchanged. */
function pathWithoutLinks(path: string): string {
  try {
    const real = realpathSync(path);
    return real === resolve(path) || !statSync(path).isFile() ? path : real;
  } catch {
    return path;
  }
}
