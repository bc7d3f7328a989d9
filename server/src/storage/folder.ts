import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Creates the folder and its missing parents, and flushes them so that they survive a power cut. Only the user who runs
 * this process can open the new folders.
 */
export function createFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let created = resolve(folder); ; created = dirname(created)) {
    flushFolder(dirname(created));
    if (created === resolve(first)) return;
  }
}

/** Flushes a file to disk. A new file survives a power cut only if its folder is flushed, too. */
export function flush(path: string): void {
  flushOpened(openSync(path, "r+")); // opened for writing, because Windows flushes only such files
}

/**
 * Flushes a folder, so that new and renamed files in it survive a power cut. Windows has no such call, and does not
 * need it.
 */
export function flushFolder(path: string, platform: NodeJS.Platform = process.platform): void {
  if (platform !== "win32") flushOpened(openSync(path, "r"));
}

function flushOpened(descriptor: number): void {
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
