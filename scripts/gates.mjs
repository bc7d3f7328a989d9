// The gates: checks of the source that `npm test` runs before the tests. server/test/gates.test.ts plants a violation
// of each gate, and shows that the gate fails.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Each gate's name, and its command: a program in node_modules/.bin with its arguments. TypeScript's compiler is named
 * by its path instead, because two versions are installed (the SDK's tests need an older one), and .bin may have either
 * version.
 * @param {string} root
 * @returns {[name: string, command: string[]][]}
 */
function gates(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const projects = [".", ...workspaces].filter((folder) => existsSync(join(root, folder, "tsconfig.json")));
  return [
    ["generated files are up to date", ["bun", "scripts/generate.ts", "--check"]],
    ["format and lint", ["biome", "check", "--error-on-warnings", "--max-diagnostics=200"]],
    ["lint with types", ["oxlint", "--type-aware", "--deny-warnings"]],
    ...projects.map(
      /** @returns {[string, string[]]} */ (project) => [
        `types of ${project}`,
        ["../typescript/bin/tsc", "-p", project],
      ],
    ),
    ["no unused code", ["knip"]],
    ["plain words", ["bun", "scripts/words.mjs"]],
  ];
}

/**
 * Runs every gate and prints a line for each, followed by its output if it failed.
 * Returns how many passed, and the names of those that failed. If one failed, the process exits with 1.
 * @param {string} root
 */
export function runGates(root = process.cwd()) {
  let passed = 0;
  const failed = [];
  for (const [name, [program = "", ...args]] of gates(root)) {
    const startMs = performance.now();
    const run = spawnSync(join(root, "node_modules/.bin", program), args, { cwd: root, encoding: "utf8" });
    const fault = run.status === 0 ? undefined : `${run.stdout ?? ""}${run.stderr ?? ""}${run.error ?? ""}`;
    const tookSeconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`${fault === undefined ? "ok  " : "FAIL"} ${name} (${basename(program)}, ${tookSeconds} s)`);
    if (fault === undefined) passed += 1;
    else {
      failed.push(name);
      console.log(fault);
    }
  }
  if (failed.length > 0) process.exitCode = 1;
  return { passed, failed };
}
