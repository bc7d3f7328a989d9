// The programs that the tests need in addition to Node and npm, and how they are installed.
import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * `package` is the name of the Debian package.
 * @type {readonly { what: string, package: string, isHere: () => boolean }[]}
 */
const needs = [
  {
    what: "Python 3 with venv",
    package: "python3-venv",
    isHere: () => spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0,
  },
  { what: "the PostgreSQL server, 15 or later", package: "postgresql", isHere: isPostgresHere },
  {
    what: "HAProxy",
    package: "haproxy",
    isHere: () => isOnPath("haproxy") || isProgram("/usr/sbin/haproxy"),
  },
  {
    what: "PgBouncer",
    package: "pgbouncer",
    isHere: () => isOnPath("pgbouncer") || isProgram("/usr/sbin/pgbouncer"),
  },
  { what: "the Redis server", package: "redis-server", isHere: () => isOnPath("redis-server") },
  {
    what: "the MariaDB server",
    package: "mariadb-server-core",
    isHere: () => isOnPath("mariadbd") || isProgram("/usr/sbin/mariadbd"),
  },
  { what: "MariaDB's programs", package: "mariadb-client", isHere: () => isOnPath("mariadb-dump") },
  {
    what: "Chromium",
    package: "chromium",
    isHere: () => isOnPath("chromium") || process.env["CHROMIUM"] !== undefined,
  },
  { what: "OpenSSL", package: "openssl", isHere: () => isOnPath("openssl") },
  { what: "pkill", package: "procps", isHere: () => isOnPath("pkill") },
  { what: "zsh", package: "zsh", isHere: () => isOnPath("zsh") },
  { what: "fish", package: "fish", isHere: () => isOnPath("fish") },
  { what: "curl", package: "curl", isHere: () => isOnPath("curl") },
];

/**
 * Makes sure that the programs are installed. If one is missing and the user is root, installs its Debian package.
 * Returns `undefined`, or a sentence that says what is missing and how to install it.
 * @param {readonly string[]} [wanted] names of the Debian packages to check. Default: all
 * @returns {string | undefined}
 */
export function ensurePrograms(wanted) {
  const missing = needs.filter((need) => wanted?.includes(need.package) !== false && !need.isHere());
  if (missing.length === 0) return undefined;
  const named = missing.map((need) => need.what).join(", ");
  const packages = missing.map((need) => need.package).join(" ");
  if (!isOnPath("apt-get"))
    return `This command needs ${named}. Install what is missing, and run the command again.`;
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages}`;
  if (process.getuid?.() !== 0)
    return `This command needs ${named}. Install what is missing with: sudo sh -c '${line}'`;
  console.log(`installing ${packages}`);
  const { status } = spawnSync("sh", ["-c", line], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const left = missing.filter((need) => !need.isHere()).map((need) => need.what);
  if (status === 0 && left.length === 0) return undefined;
  return `This command needs ${left.join(", ") || named}, which could not be installed with: ${line}`;
}

/** Debian installs PostgreSQL's server in a folder for each version, which is not in PATH. */
function isPostgresHere() {
  if (isOnPath("initdb") && isOnPath("postgres")) return true;
  const folder = "/usr/lib/postgresql";
  return listed(folder).some(
    (version) => Number(version) >= 15 && isProgram(join(folder, version, "bin", "postgres")),
  );
}

/** @param {string} folder */
function listed(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** @param {string} name */
function isOnPath(name) {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => isProgram(join(folder, name)));
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
