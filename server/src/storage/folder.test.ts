import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { createFolder, flush, flushFolder } from "./folder.ts";

test("folders are flushed on every platform but Windows, which cannot open them", () => {
  const missing = join(newFolder(), "missing");
  expect(() => flushFolder(missing, "win32")).not.toThrow();
  for (const platform of ["linux", "darwin"] as const) {
    expect(() => flushFolder(missing, platform)).toThrow("ENOENT");
    expect(() => flushFolder(newFolder(), platform)).not.toThrow();
  }
});

test("a file is opened for writing before it is flushed, as Windows requires", () => {
  const folder = newFolder();
  writeFileSync(join(folder, "file"), "x");
  expect(() => flush(join(folder, "file"))).not.toThrow();
  mkdirSync(join(folder, "inner"));
  // Linux refuses to open a folder for writing, so this error shows that `flush` opens files for writing
  expect(() => flush(join(folder, "inner"))).toThrow("EISDIR");
});

test("a folder is created with its missing parents, and creating it again changes nothing", () => {
  const folder = join(newFolder(), "a", "b");
  createFolder(folder);
  createFolder(folder);
  expect(() => flushFolder(folder)).not.toThrow();
});
