import { Database } from "bun:sqlite";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idMaker } from "../server/src/domain/ids.ts";
import { rootKeySecret } from "../server/src/domain/secrets.ts";
import { firstStart } from "../server/src/firstStart.ts";
import { hashKey, monotonicMs, randomBytes } from "../server/src/runtime.ts";
import { openStorage } from "../server/src/storage/open.ts";
import { type RedisServer, startRedisServer } from "../server/test/redisServer.ts";
import { cores, keepOn } from "./cores.ts";
import { median } from "./statistics.ts";

/** A server under load, a process of its own on a free port of 127.0.0.1. */
export type Server = { port: number; pid: number; stop(): Promise<void> };

export type Product = Server & {
  rootKey: string;
  /** The `data` of one operation's answer. Errors: `Error` with whatever is no 200. */
  call<T>(operation: string, body: object): Promise<T>;
  /** the same before it is taken apart */
  answer(operation: string, body: object): Promise<string>;
  /** Median time of one fdatasync in the folder of the database, milliseconds. */
  measureFsyncMs(): number;
};

/** Fills the tables of a new database before the product is started on it. */
export type Seed = (database: Database, workspaceId: string) => void;

export type ProductOptions = {
  seed?: Seed;
  /** beside the default settings */
  environment?: Record<string, string>;
  /** of a database that other nodes have too */
  rootKey?: string;
};

/** `serve` as users run it: default settings, a database in a file, the log written to a file. */
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
  const answer = async (operation: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${operation} answered ${response.status}: ${text}`);
    return text;
  };
  return {
    ...server,
    rootKey,
    answer,
    call: async <T>(operation: string, body: object) =>
      (JSON.parse(await answer(operation, body)) as { data: T }).data,
    measureFsyncMs: () => measureFsyncMs(folder),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const newRootKey = () => rootKeySecret(randomBytes(24));

/** A Redis of its own that keeps nothing on disk. */
export async function startRedis(core: number): Promise<RedisServer> {
  const redis = await startRedisServer();
  keepOn(core, redis.pid());
  return redis;
}

/** The bare runtime with a fixed answer. */
export function startBaseline(path: string, answer: string): Promise<Server> {
  return start([new URL("./baseline.ts", import.meta.url).pathname, path, answer], { environment: {} });
}

async function fill(path: string, rootKey: string, seed: Seed): Promise<void> {
  const engine = await openStorage(`file:${path}`, { serving: false, connections: 4, monotonicMs });
  const tools = { nowMs: Date.now, newId: idMaker(randomBytes), randomBytes, hashKey };
  await firstStart(engine, tools, rootKey, () => undefined);
  const workspace = await engine.db.selectFrom("workspaces").select("id").executeTakeFirstOrThrow();
  await engine.close();
  const database = new Database(path);
  database.transaction(() => seed(database, workspace.id))();
  database.run("pragma wal_checkpoint(truncate)");
  database.close();
}

type StartOptions = { environment: Record<string, string>; log?: string };

/** Runs a program and waits until it says where it listens. */
async function start(command: string[], { environment, log }: StartOptions): Promise<Server> {
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn([process.execPath, ...command], {
    env: { PATH, HOME, ...environment },
    stdin: "ignore",
    stdout: log === undefined ? "pipe" : Bun.file(log),
    stderr: log === undefined ? "inherit" : "pipe",
  });
  const said = child.stdout instanceof ReadableStream ? child.stdout : child.stderr;
  const port = said instanceof ReadableStream ? await portIn(said) : undefined;
  if (port === undefined) throw new Error(`${command.join(" ")} did not start`);
  keepOn(cores.server, child.pid);
  return {
    port,
    pid: child.pid,
    async stop() {
      child.kill("SIGINT");
      await child.exited;
    },
  };
}

async function portIn(output: ReadableStream<Uint8Array>): Promise<number | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of output) {
    text += decoder.decode(chunk);
    const port = /listens on http:\/\/[^:]+:(\d+)\s/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
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
