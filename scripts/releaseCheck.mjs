// `node scripts/releaseCheck.mjs <tag> <owner/repository>`: checks that the versions and the repository that the files
// name are the tag and the GitHub repository of a release. npm rejects a package if its package.json names a different
// repository than its provenance, which is the signed statement of where it was built.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [, , tag = "", repository = ""] = process.argv;
const version = tag.replace(/^v/, "");
const read = (/** @type {string} */ path) => readFileSync(join(root, path), "utf8");

/** @type {string[]} */
const faults = [];
const { workspaces } = JSON.parse(read("package.json"));
for (const folder of workspaces) {
  const manifest = JSON.parse(read(`${folder}/package.json`));
  if (manifest.private === true) continue;
  if (manifest.version !== version) faults.push(`${folder}/package.json has version ${manifest.version}.`);
  const sdk = manifest.dependencies?.["@latchkey/sdk"] ?? version;
  if (sdk !== version) faults.push(`${folder}/package.json depends on @latchkey/sdk ${sdk}.`);
  const url = manifest.repository?.url;
  if (url !== `git+https://github.com/${repository}.git`) {
    faults.push(`${folder}/package.json names the repository ${url}.`);
  }
}
for (const path of ["server/src/version.ts", "sdk/src/version.ts", "compose.yaml", "compose.ha.yaml"]) {
  const [, found] = /(?:version = "|image: latchkey:)(\d[\w.-]*)/.exec(read(path)) ?? [];
  if (found !== version) faults.push(`${path} has version ${found}.`);
}
for (const fault of faults) console.log(fault);
console.log(`${faults.length} faults for ${tag} of ${repository}`);
process.exitCode = faults.length === 0 ? 0 : 1;
