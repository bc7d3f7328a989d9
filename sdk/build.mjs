// Compiles src/ to dist/esm, for `import`, and translates that to dist/cjs, for `require`. The package.json in each
// folder says which kind of module it contains, so both can contain the same .js and .d.ts file names.
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
/** @param {string[]} command */
const run = ([program = "", ...words]) =>
  execFileSync(program, words, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });

rmSync(`${root}dist`, { recursive: true, force: true });
run(["tsc", "-p", ".", "--noEmit", "false", "--outDir", "dist/esm", "--sourceMap"]);
const files = readdirSync(`${root}dist/esm`, { recursive: true, encoding: "utf8" });
const modules = files.filter((name) => name.endsWith(".js")).map((name) => `dist/esm/${name}`);
run([
  "esbuild",
  ...modules,
  "--format=cjs",
  "--platform=node",
  "--target=node20",
  "--sourcemap",
  "--sources-content=false",
  "--outbase=dist/esm",
  "--outdir=dist/cjs",
  "--log-level=warning",
]);
for (const name of files.filter((one) => one.endsWith(".d.ts"))) {
  cpSync(`${root}dist/esm/${name}`, `${root}dist/cjs/${name}`);
}
for (const [folder, type] of [
  ["esm", "module"],
  ["cjs", "commonjs"],
]) {
  writeFileSync(`${root}dist/${folder}/package.json`, `${JSON.stringify({ type, sideEffects: false })}\n`);
}
