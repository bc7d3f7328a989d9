import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const checkEveryMs = 250;

/**
 * Calls `ended` once, when the npm that started this process has ended, for whatever reason. Signals do not suffice:
 * npm sends them to the shell between npm and this process, and the shell ends without passing them on. A killed npm
 * sends no signal. Does nothing if npm did not start this process, or if the shell between them has already ended, so
 * that `nohup`, `setsid` and `&` work as usual. Returns a function that stops watching npm.
 * @param {() => void} ended
 * @returns {() => void}
 */
export function followNpm(ended) {
  const parent = process.ppid;
  const npm = npmAbove(parent);
  if (npm === undefined) return () => undefined;
  let missedChecks = 0;
  const timer = setInterval(() => {
    missedChecks = process.ppid === parent && isRunning(npm) ? 0 : missedChecks + 1;
    if (missedChecks < 2) return; // waits for the SIGHUP of a closed terminal, which may stop this watch
    clearInterval(timer);
    ended();
  }, checkEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Returns the process id of the npm that started this process, or `undefined`. npm runs a script as `sh -c <script>`.
 * Some shells replace themselves with this process, so that npm is its parent. Others wait for this process, so that
 * npm is the parent of the shell.
 * @param {number} parent
 */
function npmAbove(parent) {
  if (process.env["npm_execpath"] === undefined && process.env["npm_command"] === undefined) return undefined;
  const direct = inspect(parent);
  if (direct === undefined) return undefined;
  if (isNpm(direct)) return parent;
  const above = /^\S*sh\s+-c\s/.test(direct.command) ? inspect(direct.parent) : undefined;
  return above !== undefined && isNpm(above) ? direct.parent : undefined;
}

/**
 * Returns whether a command line is npm's. npm sets its process title to `npm <command>`, even when it runs as npx.
 * @param {{ command: string }} process
 */
function isNpm({ command }) {
  return /^(npm|npx)(\s|$)|[/\\](npm|npx)(-cli\.js)?(\s|$)/.test(command);
}

/** @param {number} pid */
function inspect(pid) {
  try {
    return process.platform === "linux" ? inProc(pid) : askPs(pid);
  } catch {
    return undefined; // the process has ended, or this user is not allowed to see it
  }
}

/** @param {number} pid */
function inProc(pid) {
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // the fields come after the program's name, which is in parentheses and may contain parentheses and spaces itself
  const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { command, parent: Number(parent) };
}

/** @param {number} pid */
function askPs(pid) {
  const line = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" }).trim();
  const [parent = ""] = line.split(/\s/, 1);
  return { command: line.slice(parent.length).trim(), parent: Number(parent) };
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {{ code?: string }} */ (error).code === "EPERM"; // the process exists, but belongs to another user
  }
}
