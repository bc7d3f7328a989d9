// What must hold of the code before it is run. Each gate is shown to see something by server/test/gates.test.ts.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * By name, the program of node_modules/.bin with its arguments.
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
      /** @returns {[string, string[]]} */ (project) => [`types of ${project}`, ["tsc", "-p", project]],
    ),
    ["nothing unused", ["knip"]],
  ];
}

/**
 * Runs every gate and prints a line for each, with what it said where it failed. Answers the names of those that did.
 * @param {string} root
 */
export function runGates(root) {
  let passed = 0;
  const failed = [];
  for (const [name, [program = "", ...words]] of gates(root)) {
    const startMs = performance.now();
    const run = spawnSync(join(root, "node_modules/.bin", program), words, { cwd: root, encoding: "utf8" });
    const fault = run.status === 0 ? undefined : `${run.stdout ?? ""}${run.stderr ?? ""}${run.error ?? ""}`;
    const tookSeconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`${fault === undefined ? "ok  " : "FAIL"} ${name} (${program}, ${tookSeconds} s)`);
    if (fault === undefined) passed += 1;
    else {
      failed.push(name);
      console.log(fault);
    }
  }
  return { passed, failed };
}
