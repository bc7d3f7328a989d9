import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseAddress } from "./domain/databaseAddress.ts";
import { FirstStartError } from "./firstStart.ts";

/**
 * Returns the path of the file to which the first start writes its root key if no terminal can show it. Returns
 * `undefined` if the database is not a file.
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
    rmSync(path, { force: true }); // an older file could have permissions that let other users read it
    writeFileSync(path, `${rootKey}\n`, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOSPC") rmSync(path, { force: true }); // the disk is full, and the file may have a part of the key
    throw new FirstStartError(
      `The first root key cannot be written to ${path} (${code}): make its folder writable, or set LATCHKEY_ROOT_KEY.`,
    );
  }
}
