// Builds dist, or the folder that is given: what the package ships. The licence goes with it into the package.
import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const [folder = join(here, "dist")] = process.argv.slice(2);
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

rmSync(folder, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [compiler, "-p", here, "--noEmit", "false", "--outDir", folder],
  { stdio: "inherit" },
);
if (status === 0) copyFileSync(join(here, "../LICENSE"), join(here, "LICENSE"));
process.exitCode = status ?? 1;
