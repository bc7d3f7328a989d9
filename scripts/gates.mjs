// What must hold before the tests run. server/test/gates.test.ts shows that each gate fails on a planted violation.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Each gate's name, and its command: a program in node_modules/.bin with its arguments. `tsc` is named by its package,
 * since the SDK's tests install an older one too, and either may be the one in .bin.
 * @param {string} root
 * @returns {[name: string, command: string[]][]}
 */
function gates(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const projects = [".", ...workspaces].filter((folder) => existsSync(join(root, folder, "tsconfig.json")));
  return [
    ["what is generated is fresh", ["bun", "scripts/generate.ts", "--check"]],
    ["format and lint", ["biome", "check", "--error-on-warnings", "--max-diagnostics=200"]],
    ["lint with types", ["oxlint", "--type-aware", "--deny-warnings"]],
    ...projects.map(
      /** @returns {[string, string[]]} */ (project) => [
        `types of ${project}`,
        ["../typescript/bin/tsc", "-p", project],
      ],
    ),
    ["nothing unused", ["knip"]],
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
  for (const [name, [program = "", ...words]] of gates(root)) {
    const startMs = performance.now();
    const run = spawnSync(join(root, "node_modules/.bin", program), words, { cwd: root, encoding: "utf8" });
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
