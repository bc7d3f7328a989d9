import { Database } from "bun:sqlite";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idMaker } from "../server/src/domain/ids.ts";
import { rootKeySecret } from "../server/src/domain/secrets.ts";
import { firstStart } from "../server/src/firstStart.ts";
import { hashKey, monotonicMs, randomBytes } from "../server/src/runtime.ts";
import { openStorage } from "../server/src/storage/open.ts";
import { databaseAt } from "../server/test/databaseAt.ts";
import { type RedisServer, startRedisServer } from "../server/test/redisServer.ts";
import { cores, keepOn } from "./cores.ts";
import type { Call } from "./scenarios.ts";
import { median } from "./statistics.ts";

/** A running server process, which listens on a free port of 127.0.0.1. */
export type Server = { port: number; pid: number; stop(): Promise<void> };

export type Product = Server & {
  rootKey: string;
  /** Returns the `data` of an operation's response. Errors: `Error` with the response if its status is not 200. */
  call: Call;
  /** Returns the whole response as text. Errors: as for `call`. */
  callForText(operation: string, body: object): Promise<string>;
  /** Median time of one fdatasync in the database folder, in milliseconds. */
  measureFsyncMs(): number;
};

/** Fills the tables of a new database before the server starts on it. */
export type Seed = (database: Database, workspaceId: string) => void;

export type ProductOptions = {
  seed?: Seed;
  /** settings that differ from the defaults */
  environment?: Record<string, string>;
  /** the root key of a database that other nodes have created */
  rootKey?: string;
};

/**
 * Starts Latchkey as users do with `latchkey serve`: default settings, a SQLite file, and its log written to a file.
 */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const { seed, environment = {}, rootKey = newRootKey() } = options;
  const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  const path = join(folder, "latchkey.db");
  if (seed !== undefined) await fill(path, rootKey, seed);
  const server = await start([new URL("../server/src/main.ts", import.meta.url).pathname, "serve"], {
    log: join(folder, "log"),
    environment: {
      PORT: "0",
      DATABASE_URL: `file:${path}`,
      LATCHKEY_ROOT_KEY: rootKey,
      LOG_LEVEL: "info",
      ...environment,
    },
  });
  const callForText = textCallerOf({ url: `http://127.0.0.1:${server.port}`, rootKey });
  return {
    ...server,
    rootKey,
    callForText,
    call: dataOf(callForText),
    measureFsyncMs: () => measureFsyncMs(folder),
    async stop() {
      await server.stop();
      printTroubles(join(folder, "log"));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Prints the last warnings and errors in the server's log. They may explain an unexpected response. */
function printTroubles(log: string): void {
  const troubles = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /"level":"(warn|error)"/.test(line));
  for (const line of troubles.slice(-5)) console.log(`  the server logged ${line}`);
}

type Access = { url: string; rootKey: string };
type TextCall = (operation: string, body: object) => Promise<string>;

/** Calls operations of a server. Errors: `Error` with the response if its status is not 200. */
export function callerOf(access: Access): Call {
  return dataOf(textCallerOf(access));
}

function textCallerOf({ url, rootKey }: Access): TextCall {
  return async (operation, body) => {
    const response = await fetch(`${url}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${operation} returned ${response.status}: ${text}`);
    return text;
  };
}

function dataOf(callForText: TextCall): Call {
  return async <T>(operation: string, body: object) =>
    (JSON.parse(await callForText(operation, body)) as { data: T }).data;
}

export const newRootKey = () => rootKeySecret(randomBytes(24));

/** Starts a Redis that stores nothing on disk. */
export async function startRedis(core: number): Promise<RedisServer> {
  const redis = await startRedisServer();
  keepOn(core, redis.pid());
  return redis;
}

/** Starts the bare runtime (baseline.ts) with one route and a fixed response. */
export function startBaseline(path: string, reply: string): Promise<Server> {
  return startProgram([new URL("./baseline.ts", import.meta.url).pathname, path, reply]);
}

/** Starts a program that prints `<words> listens on <address>`, and returns these words with the server. */
export function startProgram(command: string[]): Promise<Server & { words: readonly string[] }> {
  return start(command, { environment: {} });
}

async function fill(path: string, rootKey: string, seed: Seed): Promise<void> {
  const engine = await openStorage(databaseAt(`file:${path}`), {
    serving: false,
    connections: 4,
    monotonicMs,
  });
  const tools = { nowMs: Date.now, newId: idMaker(randomBytes), randomBytes, hashKey };
  await firstStart(engine, tools, { rootKey, setting: "rootKey" }, () => undefined);
  const workspace = await engine.db.selectFrom("workspaces").select("id").executeTakeFirstOrThrow();
  await engine.close();
  const database = new Database(path);
  database.transaction(() => seed(database, workspace.id))();
  database.run("pragma wal_checkpoint(truncate)");
  database.close();
}

type StartOptions = { environment: Record<string, string>; log?: string };

/** Starts a program and waits until it prints its port. */
async function start(command: string[], { environment, log }: StartOptions) {
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn([process.execPath, ...command], {
    env: { PATH, HOME, ...environment },
    stdin: "ignore",
    stdout: log === undefined ? "pipe" : Bun.file(log),
    stderr: log === undefined ? "inherit" : "pipe",
  });
  const output = child.stdout instanceof ReadableStream ? child.stdout : child.stderr;
  const printed = output instanceof ReadableStream ? await portIn(output) : undefined;
  if (printed === undefined) throw new Error(`${command.join(" ")} exited before it printed its address.`);
  keepOn(cores.server, child.pid);
  return {
    ...printed,
    pid: child.pid,
    async stop() {
      child.kill("SIGINT");
      await child.exited;
    },
  };
}

/** Reads a program's output until it prints its address. Returns the port, and the words before `listens on`. */
async function portIn(output: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of output) {
    text += decoder.decode(chunk);
    const [, words = "", port] = /(.*)listens on http:\/\/[^:]+:(\d+)\s/.exec(text) ?? [];
    if (port !== undefined) return { port: Number(port), words: words.trim().split(" ") };
  }
  console.error(text);
  return undefined;
}

function measureFsyncMs(folder: string): number {
  const file = openSync(join(folder, "fsync"), "w");
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 200 }, () => {
    writeSync(file, page);
    const startedAt = performance.now();
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  return median(times);
}
