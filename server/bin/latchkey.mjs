#!/usr/bin/env node
// Finds the Bun that came with this package and runs the program on it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const bunPackage = createRequire(import.meta.url).resolve("bun/package.json");
const bun = join(dirname(bunPackage), "bin", "bun.exe");
const main = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "main.ts");
const child = spawn(bun, [main, ...process.argv.slice(2)], { stdio: "inherit" });

// a terminal sends its own interrupt to both; a second one would end the server without draining
process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
process.on("SIGTERM", () => child.kill("SIGTERM"));
process.on("SIGHUP", () => child.kill("SIGHUP"));
child.on("error", (error) => {
  console.error(`Bun could not be started: ${error.message}. Was this installed with --ignore-scripts?`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
