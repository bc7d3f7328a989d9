import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dir;
const page = readFileSync(join(folder, "README.md"), "utf8");
const files = Array.from(new Bun.Glob("**/*").scanSync(folder)).filter(
  (path) => !path.includes("__pycache__"),
);
/** the paths in the first column of README.md's tables; `*` in them stands for a part of a name */
const listed = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path = ""]) => path);

const rowsFor = (path: string) => listed.filter((one) => new Bun.Glob(one).match(path));

test("README.md names every file of the folder, once", () => {
  const others = files.filter((path) => path !== "README.md");
  expect(others.length).toBeGreaterThan(90);
  expect(others.filter((path) => rowsFor(path).length !== 1)).toEqual([]);
});

test("README.md names no file that is missing", () => {
  const sources = [...page.matchAll(/`([\w./]+\.ts)`/g)].map(([, path = ""]) => path);
  expect(sources.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  expect(listed.filter((one) => !files.some((path) => new Bun.Glob(one).match(path)))).toEqual([]);
});
