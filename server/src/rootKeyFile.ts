import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseAddress } from "./domain/databaseAddress.ts";
import { FirstStartError } from "./firstStart.ts";

/**
 * Returns the file for the first root key, used if no terminal can show it. Returns `undefined`
 * if the database is not a file.
 */
export function rootKeyFile(database: DatabaseAddress): string | undefined {
  return database.kind === "file" ? join(dirname(database.path), "root-key") : undefined;
}

/**
 * Writes a new root key to a file that only its owner can read.
 * Errors: `FirstStartError` if the file cannot be written.
 */
export function writeRootKey(path: string, rootKey: string): void {
  try {
    rmSync(path, { force: true }); // other users may be able to read an older file
    writeFileSync(path, `${rootKey}\n`, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOSPC") rmSync(path, { force: true }); // part of a key is useless
    throw new FirstStartError(`The first root key cannot be written to ${path} (${code}).`);
  }
}
