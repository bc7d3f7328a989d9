// Runs the tests of the console. They run under Node, because the driver of Chromium needs Node. scripts/services.sh
// gives them a PostgreSQL and a Redis.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** @param {string} root */
export function hasConsoleTests(root) {
  return existsSync(join(root, "console/test")) && namesOfTests(root).length > 0;
}

/** @param {string} root */
function namesOfTests(root) {
  return readdirSync(join(root, "console/test")).filter((name) => name.endsWith(".browser.ts"));
}

/**
 * Runs the test files whose names contain one of `words`; without words, all of them.
 * @param {string} root
 * @param {readonly string[]} words
 */
export function runConsoleTests(root, words = []) {
  const wanted = namesOfTests(root).filter(
    (name) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  const report = join(root, "reports/console.xml");
  mkdirSync(join(root, "reports"), { recursive: true });
  rmSync(report, { force: true });
  const files = wanted.map((name) => bundled(root, name));
  if (files.length === 0) {
    console.log(
      `FAIL no browser test in console/test has ${words.map((word) => `"${word}"`).join(" or ")} in its file name (counted as one failure)`,
    );
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const reporters = ["spec", "stdout", "junit", report].map(
    (value, index) => `--test-reporter${index % 2 === 0 ? "" : "-destination"}=${value}`,
  );
  const command = [process.execPath, "--test", "--test-concurrency=1", ...reporters, ...files];
  const { status } = spawnSync(join(root, "scripts/services.sh"), command, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const counted = existsSync(report) ? countCases(readFileSync(report, "utf8")) : undefined;
  if (counted === undefined) {
    console.log("FAIL the browser tests ended without a complete report (counted as one failure)");
    return { passed: 0, failed: 1, skipped: 0 };
  }
  if (status !== 0 && counted.failed === 0) {
    console.log(
      `FAIL the browser tests exited with ${status} although no test failed (counted as one failure); see their output above`,
    );
    return { ...counted, failed: 1 };
  }
  return counted;
}

/**
 * Bundles a test file, because Node does not run TypeScript. The bundle is inside this repository, so that Node finds
 * the packages that it imports in node_modules.
 * @param {string} root
 * @param {string} name
 */
function bundled(root, name) {
  const file = join(root, "reports/console", name.replace(/\.ts$/, ".mjs"));
  const args = [
    "build",
    join("console/test", name),
    "--target=node",
    "--packages=external",
    `--outfile=${file}`,
  ];
  spawnSync(join(root, "node_modules/.bin/bun"), args, {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return file;
}

/**
 * Returns `undefined` if the report is truncated or contains no test.
 * @param {string} junit
 */
function countCases(junit) {
  if (!junit.trimEnd().endsWith("</testsuites>")) return undefined;
  const count = (/** @type {RegExp} */ tag) => [...junit.matchAll(tag)].length;
  const [all, failed, skipped] = [count(/<testcase /g), count(/<failure /g), count(/<skipped /g)];
  return all > 0 ? { passed: all - failed - skipped, failed, skipped } : undefined;
}
