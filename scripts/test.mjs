// `npm test`: installs what the tests need, runs the gates and the tests, and ends with one line that counts both.
// `npm test -- <arguments of bun test>` runs only some tests, and no gates. `npm test -- browser <words>` runs only
// browser tests.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasConsoleTests, runConsoleTests } from "./consoleTests.mjs";
import { runGates } from "./gates.mjs";
import { ensurePrograms } from "./needs.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const bun = join(root, "node_modules/.bin/bun");
const filter = process.argv.slice(2);
/** The timeout of tests that do not set one: far more than any of them needs, even on a busy machine. */
const timeoutMs = 120_000;

const obstacle = existsSync(bun) ? ensurePrograms() : "Run npm ci first.";
if (obstacle !== undefined) {
  console.error(obstacle);
  process.exit(1);
}

if (filter.length > 0) console.log("Gates are skipped because only some tests run.");
const gates = filter.length > 0 ? { passed: 0, failed: [] } : runGates(root);
const tests = filter[0] === "browser" ? runConsoleTests(root, filter.slice(1)) : runTests();
if (filter.length === 0 && hasConsoleTests(root)) {
  const inBrowser = runConsoleTests(root);
  tests.passed += inBrowser.passed;
  tests.failed += inBrowser.failed;
  tests.skipped += inBrowser.skipped;
}
const stray = process.env["CI"] === undefined ? [] : strayFiles();
for (const name of gates.failed) console.log(`FAIL ${name} (see above)`);
if (stray.length > 0) console.log(`FAIL the tests left files in the repository: ${stray.join(", ")}`);
const failed = gates.failed.length + tests.failed + (stray.length > 0 ? 1 : 0);
const skipped = tests.skipped === 0 ? "" : `, ${tests.skipped} skipped`;
console.log(`${gates.passed + tests.passed} passed, ${failed} failed${skipped}`);
process.exitCode = failed === 0 ? 0 : 1;

/**
 * Runs the tests and counts them in the runner's report. The exit code alone is not enough: if a test calls
 * `process.exit(0)`, the exit code is 0 although the other tests did not run. Then there is no report.
 */
function runTests() {
  const report = join(root, "reports/junit.xml");
  mkdirSync(join(root, "reports"), { recursive: true });
  rmSync(report, { force: true });
  const { status } = spawnSync(
    bun,
    ["test", `--timeout=${timeoutMs}`, "--reporter=junit", "--reporter-outfile=reports/junit.xml", ...filter],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
  );
  const counted = existsSync(report) ? countTests(readFileSync(report, "utf8")) : undefined;
  if (counted === undefined) {
    console.log("FAIL the test runner ended without a complete report (counted as one failure)");
    return { passed: 0, failed: 1, skipped: 0 };
  }
  if (status !== 0 && counted.failed === 0) {
    console.log(
      `FAIL the test runner exited with ${status} although no test failed (counted as one failure); see its output above`,
    );
    return { ...counted, failed: 1 };
  }
  return counted;
}

/**
 * Returns `undefined` if the report is truncated or contains no test.
 * @param {string} junit
 */
function countTests(junit) {
  const head = /<testsuites [^>]*>/.exec(junit)?.[0];
  if (head === undefined || !junit.trimEnd().endsWith("</testsuites>")) return undefined;
  const [tests = 0, failed = 0, skipped = 0] = ["tests", "failures", "skipped"].map((name) =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1]),
  );
  const passed = tests - failed - skipped;
  return tests > 0 && passed >= 0 ? { passed, failed, skipped } : undefined;
}

/** Files that the tests created in the repository and did not remove. */
function strayFiles() {
  const { stdout } = spawnSync("git", ["status", "--porcelain", "--ignored"], {
    cwd: root,
    encoding: "utf8",
  });
  const ours = /(^|\/)node_modules\/$|^reports\/$|^\.venvs\/$|^console\/dist\/$/;
  return (stdout ?? "")
    .split("\n")
    .map((line) => line.slice(3))
    .filter((path) => path !== "" && !ours.test(path));
}
