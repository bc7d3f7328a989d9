import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const checkEveryMs = 250;

/**
 * Calls `ended` once when the npm that started this process has ended, however it ended. npm forwards signals to its
 * shell, which dies without passing them on, and a killed npm forwards nothing. A process that npm did not start, or
 * whose shell has ended since, follows no process, so `nohup`, `setsid` and `&` work as usual.
 * Returns a function that stops following.
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
    if (missedChecks < 2) return; // a hangup that ended npm arrives here before the second check
    clearInterval(timer);
    ended();
  }, checkEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * npm runs a script as `sh -c <script>`; some shells replace themselves with the command, others wait for it.
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
 * npm's process title is `npm <command>`, also for npx.
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
    return undefined; // it has ended, or is not visible
  }
}

/** @param {number} pid */
function inProc(pid) {
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name in parentheses may contain anything
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
    return /** @type {{ code?: string }} */ (error).code === "EPERM"; // it belongs to another user
  }
}
