// Updates package-lock.json from the package.json files. If the npm registry is a mirror that lacks the packages of
// some platforms, npm omits them from the lock file, and `npm ci` of npm 11 then rejects it. This script adds those
// entries, with the versions that the packages pin.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const systems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { cwd: root, stdio: "inherit" });

const path = `${root}package-lock.json`;
const lock = JSON.parse(readFileSync(path, "utf8"));
const added = Object.values(lock.packages).flatMap((owner) =>
  Object.entries(owner.optionalDependencies ?? {})
    .filter(([name]) => lock.packages[`node_modules/${name}`] === undefined)
    .map(([name, version]) => [`node_modules/${name}`, platformEntry(name, version, owner)]),
);
const all = { ...lock.packages, ...Object.fromEntries(added) };
const names = Object.keys(all).sort((a, b) => a.localeCompare(b, "en"));
const packages = Object.fromEntries(names.map((name) => [name, all[name]]));
writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
console.log(`package-lock.json: added ${added.length} packages of other platforms, which the registry lacks`);

/**
 * The lock file's entry for a package that the registry lacks. Its checksum (`integrity`) is therefore unknown.
 * @param {string} name
 * @param {string} version
 * @param {{ dev?: boolean }} owner
 */
function platformEntry(name, version, owner) {
  const words = name.split(/[/-]/);
  const os = systems.filter((one) => words.includes(one));
  const cpu = processors.filter((one) => words.includes(one));
  if (!/^\d/.test(version) || os.length !== 1 || cpu.length !== 1) {
    throw new Error(
      `${name}@${version} is missing in package-lock.json, and this script cannot tell its platform from its name. Add its entry by hand.`,
    );
  }
  const libc = ["gnu", "musl"].find((one) => words.some((word) => word.startsWith(one)));
  return {
    version,
    cpu,
    ...(owner.dev && { dev: true }),
    ...(libc && { libc: [libc === "gnu" ? "glibc" : libc] }),
    optional: true,
    os,
  };
}
