#!/usr/bin/env node
// Runs the program on Bun, usually on the Bun that was installed with this package.
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
  // A closed terminal kills the processes of its session. The server runs in another session: it notices that this
  // process has ended, finishes its requests, and stops.
  detached: words[0] === "serve" && !isWindows,
  env: { ...process.env, LATCHKEY_LAUNCHER_PID: String(process.pid) },
});

let forwarded = false;
const forward = (/** @type {NodeJS.Signals} */ signal) => {
  forwarded = true;
  if (isWindows)
    child.send(signal); // on Windows, `kill` would not let the server finish its requests
  else child.kill(signal);
};
const end = () => {
  if (!forwarded) forward("SIGTERM");
};
const unfollow = followNpm(end);
process.on("SIGINT", forward);
process.on("SIGTERM", forward);
// nohup makes a program ignore SIGHUP, but Node undoes that. So if no stream is a terminal, as under nohup, SIGHUP must
// not end the server here. It stops the watch over npm instead: the closed terminal may end npm, and the watch would
// then end the server.
process.on("SIGHUP", [0, 1, 2].some(isatty) ? end : unfollow);
child.on("error", (error) => {
  console.error(`Bun could not be started: ${error.message}.`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
