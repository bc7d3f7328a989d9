import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "..", "src", "main.ts");
const startsWithinMs = 20_000;

export type ProgramOptions = {
  /** settings; nothing else of this process's environment but PATH is handed on */
  env?: Record<string, string>;
  cwd?: string;
  /** what runs the program instead of nothing, such as `["setpriv", …]` */
  through?: readonly string[];
};

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

export type Program = {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** resolves when the process is gone */
  ended: Promise<Ended>;
};

/** Starts `latchkey <words>` as a process of its own, with pipes where a terminal would be. */
function startProgram(words: readonly string[], options: ProgramOptions = {}): Program {
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

/** Runs `latchkey <words>` to its end. */
export function runProgram(words: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  return startProgram(words, options).ended;
}

export type Serving = Program & { url: string };

/** Starts `latchkey serve` on a free port, unless `env` names another; resolves when it listens. */
export async function startServing(options: ProgramOptions = {}): Promise<Serving> {
  const program = startProgram(["serve"], { ...options, env: { PORT: "0", ...options.env } });
  const url = await until("the server listens", () => {
    if (program.child.exitCode !== null) throw new Error(`it ended: ${program.stderr()}`);
    return /listens on (\S+)/.exec(program.stderr())?.[1];
  });
  return { ...program, url };
}

/** Polls until `read` answers something, at most `withinMs`. */
export async function until<T>(
  what: string,
  read: () => T | undefined | Promise<T | undefined>,
  withinMs: number = startsWithinMs,
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An empty folder of one's own. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "latchkey-program-"));
}

/** A port on which nothing listens just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** `POST /v2/<operation>` with a root key; answers status and body. */
export async function callServer(
  url: string,
  rootKey: string,
  operation: string,
  body: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
): Promise<{ status: number; headers: Headers; body: any }> {
  const response = await fetch(`${url}/v2/${operation}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
