import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reply } from "./harness.ts";
import { readReply } from "./reply.ts";
import { until } from "./until.ts";

const main = join(import.meta.dir, "..", "src", "main.ts");

export type ProgramOptions = {
  /** the settings; of this process's environment, the program gets only PATH */
  env?: Record<string, string>;
  cwd?: string;
  /** a command that runs the program, such as `["setpriv", …]` */
  through?: readonly string[];
};

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

export type Program = {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** resolves when the process has ended */
  ended: Promise<Ended>;
};

/** Starts `latchkey <words>` in a process of its own, with pipes instead of a terminal. */
export function startProgram(words: readonly string[], options: ProgramOptions = {}): Program {
  const [command = "", ...args] = [...(options.through ?? []), process.execPath, main, ...words];
  const child = spawn(command, args, {
    cwd: options.cwd ?? tmpdir(),
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => {
    output.stdout += String(data);
  });
  child.stderr?.on("data", (data) => {
    output.stderr += String(data);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, stdout: () => output.stdout, stderr: () => output.stderr, ended };
}

/** Runs `latchkey <words>` and waits until it ends. */
export function runProgram(words: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  return startProgram(words, options).ended;
}

export type Serving = Program & { url: string };

/**
 * Starts `latchkey serve` on a free port, unless `env` has a port. Resolves when the server listens. If the server ends
 * instead, throws what it wrote.
 */
export async function startServing(options: ProgramOptions = {}): Promise<Serving> {
  const program = startProgram(["serve"], { ...options, env: { PORT: "0", ...options.env } });
  const url = await until(() => {
    if (program.child.exitCode !== null)
      throw new Error(`the server ended with ${program.child.exitCode}: ${program.stderr()}`);
    return /listens on (\S+)/.exec(program.stderr())?.[1];
  });
  return { ...program, url };
}

/** Creates a database, as the first start of a server does. */
export async function createDatabase(url: string): Promise<void> {
  const server = await startServing({ env: { DATABASE_URL: url } });
  server.child.kill("SIGINT");
  await server.ended;
}

/** Creates an empty temporary folder. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "latchkey-program-"));
}

/**
 * Finds a port on which no program listens. It is below the ports that the system gives to outgoing connections, so
 * that it stays free while a server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Returns whether a program listens on this port of 127.0.0.1. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** Sends `POST /v2/<operation>` with a root key. */
export async function callServer(
  url: string,
  rootKey: string,
  operation: string,
  body: unknown,
): Promise<Reply> {
  const response = await fetch(`${url}/v2/${operation}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return readReply(response);
}
