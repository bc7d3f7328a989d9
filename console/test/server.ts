/** Starts a server for the browser tests, and calls its API. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = process.cwd();
const bun = join(root, "node_modules/.bin/bun");
export const rootKey = "console-tests-root-key-of-more-than-32-characters";

export type Server = {
  url: string;
  /** Calls `/v2/<operation>` and returns the `data` of the response. Throws if the response is an error. */
  // biome-ignore lint/suspicious/noExplicitAny: responses of any shape
  call(operation: string, input: object, as?: string): Promise<any>;
  /** Runs `latchkey <words>` on the server's database, and returns what it prints. */
  command(...words: string[]): string;
  /** Ends the process and starts another process on the same port and database. */
  restart(): Promise<void>;
  /** Ends the process. `restart` starts it again. */
  halt(): Promise<void>;
  stop(): Promise<void>;
};

export async function startServer(settings: Record<string, string> = {}): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-console-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = () => startProcess(folder, { PORT: String(port), ...settings });
  let child: ChildProcess | undefined = await start();
  const halt = async () => {
    const ended = new Promise((resolve) => child?.once("close", resolve));
    if (child?.kill("SIGINT") === true) await ended;
    child = undefined;
  };
  return {
    url,
    call: (operation, input, as = rootKey) => callApi(url, operation, input, as),
    halt,
    command: (...words) => runCommand(folder, settings, words),
    async restart() {
      await halt();
      child = await start();
    },
    async stop() {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const environment = (folder: string) => ({
  PATH: process.env["PATH"] ?? "",
  DATABASE_URL: `file:${join(folder, "latchkey.db")}`,
  LOG_LEVEL: "error",
});

function runCommand(folder: string, settings: Record<string, string>, words: readonly string[]): string {
  const options = { env: { ...environment(folder), ...settings }, encoding: "utf8" } as const;
  return spawnSync(bun, [join(root, "server/src/main.ts"), ...words], options).stdout.trim();
}

function startProcess(folder: string, settings: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(bun, [join(root, "server/src/main.ts"), "serve"], {
    env: { ...environment(folder), LATCHKEY_ROOT_KEY: rootKey, ...settings },
    stdio: ["ignore", "inherit", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (part) => {
      said += String(part);
      if (said.includes("listens on")) resolve(child);
    });
    child.once("close", () => reject(new Error(`the server did not start: ${said}`)));
  });
}

async function callApi(url: string, operation: string, input: object, as: string) {
  const response = await fetch(`${url}/v2/${operation}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${as}`, "Content-Type": "application/json" },
    body: JSON.stringify(input),
  });
  const { data, error } = await response.json();
  if (error !== undefined) throw new Error(`${operation}: ${JSON.stringify(error)}`);
  return data;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
