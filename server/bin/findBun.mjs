import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

const systems = { darwin: "darwin", freebsd: "freebsd", linux: "linux", win32: "windows" };
const processors = { arm64: "aarch64", x64: "x64" };
/** The file of Bun is larger than this. A smaller file is a placeholder that an install script has not replaced. */
const leastBytes = 1_000_000;

/**
 * Finds Bun, and returns its path, or a sentence that says why there is no Bun. Looks in three places, in this order:
 * - Bun's package for this platform, such as `@oven/bun-linux-x64`, on which the package of the file `from` depends
 * - the package `bun`, where its install script has put Bun, if the version of the package is at least `version`
 * - the folders in PATH, if the Bun there has at least `version`
 * @param {string} from
 * @param {string} version
 * @returns {{ path: string } | { fault: string }}
 */
export function findBun(from, version) {
  const folderOf = packageFolders(from);
  const platform = platformName();
  const inPackages = platform === undefined ? [] : inPlatformPackages(platform, folderOf);
  const path = inPackages[0] ?? inPackageBun(folderOf, version) ?? onPath(version);
  if (path !== undefined) return { path };
  const missing =
    platform === undefined
      ? `Bun has no build for ${process.platform} on ${process.arch}`
      : `Bun is missing: its package @oven/bun-${platform} was not installed`;
  const way =
    platform === undefined ? "Install" : "Install latchkey again with optional dependencies, or install";
  return { fault: `${missing}. ${way} Bun ${version} or later, so that \`bun\` is on the PATH.` };
}

function platformName() {
  const system = systems[/** @type {keyof typeof systems} */ (process.platform)];
  const processor = processors[/** @type {keyof typeof processors} */ (process.arch)];
  return system === undefined || processor === undefined ? undefined : `${system}-${processor}`;
}

/**
 * Returns the paths of Bun in all installed packages for this platform. For Linux, there are two packages, for glibc
 * and for musl. npm and pnpm install only the package that fits; other package managers install both. The path in the
 * package that fits then comes first.
 * @param {string} platform
 * @param {(name: string) => string | undefined} folderOf
 */
function inPlatformPackages(platform, folderOf) {
  const variants = process.platform === "linux" ? ["", "-musl"] : [""];
  const found = variants.flatMap((variant) => {
    const folder = folderOf(`@oven/bun-${platform}${variant}`);
    const program = join(folder ?? "", "bin", process.platform === "win32" ? "bun.exe" : "bun");
    return folder !== undefined && isBun(program) ? [program] : [];
  });
  return found.length > 1 && usesMusl() ? found.reverse() : found;
}

function usesMusl() {
  /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */
  const report = process.report;
  report.excludeNetwork = true; // otherwise Node would look up the host name of every open connection
  const { header } = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (report.getReport());
  return header?.glibcVersionRuntime === undefined;
}

/**
 * @param {(name: string) => string | undefined} folderOf
 * @param {string} least
 */
function inPackageBun(folderOf, least) {
  const folder = folderOf("bun");
  if (folder === undefined) return undefined;
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const program = join(folder, "bin", "bun.exe"); // the file has this name on every platform
  return isBun(program) && isAsNew(version, least) ? program : undefined;
}

/** @param {string} least */
function onPath(least) {
  const name = process.platform === "win32" ? "bun.exe" : "bun";
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => isBun(path) && isAsNew(ask(path), least));
}

/** @param {string} program */
function ask(program) {
  try {
    return execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
  } catch {
    return "0.0.0"; // this Bun cannot run here, for example because it was built for another processor
  }
}

/**
 * Returns whether `version` is at least `least`. Both have the form 1.2.3.
 * @param {string} version
 * @param {string} least
 */
function isAsNew(version, least) {
  return version.localeCompare(least, "en", { numeric: true }) >= 0;
}

/** @param {string} path */
function isBun(path) {
  const file = statSync(path, { throwIfNoEntry: false });
  return file?.isFile() === true && file.size > leastBytes;
}

/** @param {string} from */
function packageFolders(from) {
  const { resolve } = createRequire(from);
  return (/** @type {string} */ name) => {
    try {
      return dirname(resolve(`${name}/package.json`));
    } catch {
      return undefined;
    }
  };
}
