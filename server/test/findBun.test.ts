import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findBun } from "../bin/findBun.mjs";
import { newFolder } from "./program.ts";

const processor = process.arch === "arm64" ? "aarch64" : "x64";
const ofPlatform = `@oven/bun-linux-${processor}`;
/** makes a file large enough for `findBun`: it ignores the small script that a package has before Bun is installed */
const padding = `\n#${"x".repeat(1_000_000)}`;
const path = process.env["PATH"];

let folder: string;
beforeEach(() => {
  folder = newFolder();
  process.env["PATH"] = join(folder, "path");
});
afterAll(() => {
  process.env["PATH"] = path;
});

const find = () => findBun(join(folder, "node_modules/latchkey/bin/latchkey.mjs"), "1.4.5");

/** Creates a program that prints its version. `program` is its path in the folder of the test. */
function make(program: string, version = "1.4.5", rest = padding): string {
  const file = join(folder, program);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho ${version}\nexit 0${rest}`);
  chmodSync(file, 0o755);
  return file;
}

function makePackage(name: string, program: string, version?: string, rest?: string): string {
  const file = make(join("node_modules", name, program), version, rest);
  writeFileSync(
    join(folder, "node_modules", name, "package.json"),
    JSON.stringify({ name, version: version ?? "1.4.5" }),
  );
  return file;
}

describe("Bun is found", () => {
  test("in the package of this platform, even if there are others", () => {
    const wanted = makePackage(ofPlatform, "bin/bun");
    // package managers that do not know the C library install both packages
    makePackage(`${ofPlatform}-musl`, "bin/bun");
    makePackage("bun", "bin/bun.exe");
    make("path/bun");
    expect(find()).toEqual({ path: wanted });
  });

  test("in the package `bun`, whose install script has taken it out of the package of the platform", () => {
    const taken = makePackage(ofPlatform, "bin/bun");
    rmSync(taken);
    const wanted = makePackage("bun", "bin/bun.exe", "1.5.0");
    expect(find()).toEqual({ path: wanted });
  });

  test("on the PATH, if the package `bun` is too old or holds only a script that says it was not installed", () => {
    const wanted = make("path/bun", "1.10.0");
    makePackage("bun", "bin/bun.exe", "1.4.4");
    expect(find()).toEqual({ path: wanted });
    makePackage("bun", "bin/bun.exe", "1.4.5", "");
    expect(find()).toEqual({ path: wanted });
  });
});

test("without a Bun that is new enough, one sentence says which package is missing and what to do", () => {
  make("path/bun", "1.4.4");
  expect(find()).toEqual({
    fault: `Bun is missing: its package ${ofPlatform} was not installed. Install latchkey again with optional dependencies, or install Bun 1.4.5 or later, so that \`bun\` is on the PATH.`,
  });
});
