#!/usr/bin/env node
// Runs the program on the Bun that was installed with this package.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";
import { findBun } from "./findBun.mjs";
import { followNpm } from "./npmAbove.mjs";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const { optionalDependencies } = JSON.parse(readFileSync(at("../package.json"), "utf8"));
const bun = findBun(at("latchkey.mjs"), optionalDependencies["@oven/bun-linux-x64"]);
if ("fault" in bun) {
  console.error(bun.fault);
  process.exit(1);
}
const sources = at("../src/main.ts"); // only a checkout has this file; the published package has the bundled program
const main = existsSync(sources) ? sources : at("../dist/main.js");
const words = process.argv.slice(2);
const isWindows = process.platform === "win32";
const child = spawn(bun.path, [main, ...words], {
  stdio: isWindows ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
  // The server gets its own session, so that closing the terminal does not kill it before it has finished its requests.
  // It notices when this process ends, and stops then.
  detached: words[0] === "serve" && !isWindows,
  env: { ...process.env, LATCHKEY_LAUNCHER_PID: String(process.pid) },
});

let forwarded = false;
const forward = (/** @type {NodeJS.Signals} */ signal) => {
  forwarded = true;
  if (isWindows)
    child.send(signal); // on Windows, `kill` would end the server at once
  else child.kill(signal);
};
const end = () => {
  if (!forwarded) forward("SIGTERM");
};
const unfollow = followNpm(end);
process.on("SIGINT", forward);
process.on("SIGTERM", forward);
// nohup makes a program ignore SIGHUP, but Node sets it back. So without a terminal, SIGHUP ends nothing here. It only stops
// the watch over npm, since the same closed terminal may end npm.
process.on("SIGHUP", [0, 1, 2].some(isatty) ? end : unfollow);
child.on("error", (error) => {
  console.error(`Bun could not be started: ${error.message}.`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
