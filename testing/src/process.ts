import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { findBun } from "../../server/bin/findBun.mjs";
import type { Order, Reply } from "./orders.ts";

/** The test's side of a test server's process. */
export type Process = {
  url: string;
  rootKey: string;
  /** Sends an order and resolves to its result. Errors: `Error` if the order fails or the process has ended. */
  ask(order: Order): Promise<unknown>;
  close(): Promise<void>;
};

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Waiting = { resolve(value: unknown): void; reject(error: Error): void };

const here = fileURLToPath(import.meta.url);
/** The package's folder. This file is in its `dist/esm` or `dist/cjs`. */
const root = join(dirname(here), "../..");
const program = join(root, "dist/program/program.js");

/** Errors: `Error` with the server's output if the server does not start. */
export async function startProcess(): Promise<Process> {
  const child = spawnServer();
  const waiting = new Map<number, Waiting>();
  const ended = endOf(child, waiting);
  let lastId = 0;
  const wait = (id: number) =>
    new Promise((resolve, reject) => {
      keepAlive(child, true);
      waiting.set(id, { resolve, reject });
    });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const reply = JSON.parse(line) as Reply;
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) keepAlive(child, false);
    if ("error" in reply) asked?.reject(new Error(reply.error));
    else asked?.resolve(reply.value);
  });
  const { url, rootKey } = (await wait(0)) as { url: string; rootKey: string };
  return {
    url,
    rootKey,
    ask(order) {
      if (child.stdin.writableEnded) {
        return Promise.reject(new Error("This test server was closed. Create another one."));
      }
      if (child.exitCode !== null || child.signalCode !== null) {
        return Promise.reject(new Error("The process of this test server has ended. Create another one."));
      }
      lastId += 1;
      const reply = wait(lastId);
      child.stdin.write(`${JSON.stringify({ id: lastId, order })}\n`);
      return reply;
    },
    async close() {
      keepAlive(child, true);
      child.stdin.end();
      await ended;
    },
  };
}

/** The server program exits when its stdin ends, so it does not outlive this process. */
function spawnServer(): Child {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const bun = findBun(here, optionalDependencies["@oven/bun-linux-x64"]);
  if ("fault" in bun) throw new Error(bun.fault);
  const { NODE_OPTIONS: _node, BUN_OPTIONS: _bun, ...env } = process.env;
  return spawn(bun.path, [program], { cwd: dirname(program), env, stdio: ["pipe", "pipe", "pipe"] });
}

/**
 * Resolves when the process has ended. Orders that still wait for a reply fail, and their error quotes what the process
 * wrote to stderr.
 */
function endOf(child: Child, waiting: Map<number, Waiting>): Promise<void> {
  let written = "";
  child.stderr.on("data", (part) => {
    written += String(part);
  });
  return new Promise((resolve) => {
    const end = (why: string) => {
      for (const { reject } of waiting.values()) reject(new Error(`${why} ${written}`.trim()));
      waiting.clear();
      resolve();
    };
    child.on("error", (error) => end(`The test server could not be started: ${error.message}.`));
    child.stdin.on("error", () => undefined); // the process has ended: `close` says how
    child.on("close", (code, signal) =>
      end(`The test server ${code === null ? `was killed by ${signal}` : `exited with code ${code}`}.`),
    );
  });
}

/** While an order waits for its reply, the child process keeps this process alive; otherwise this process may exit. */
function keepAlive(child: Child, isNeeded: boolean): void {
  const change = isNeeded ? "ref" : "unref";
  for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
    (handle as { ref?(): void; unref?(): void })[change]?.();
  }
}
