/**
 * Tests the real launcher under the real npm: when the program that has started the server ends, in whatever way, the
 * server drains and ends, too.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { killIfAlive, killProcessesOf, processesOf } from "./processes.ts";
import { freePort } from "./program.ts";
import { openRaw } from "./raw.ts";
import { until } from "./until.ts";

setDefaultTimeout(120_000);

// The tests run concurrently, since most of their time is the five seconds that each server drains.

const root = join(import.meta.dir, "../..");
const rootKey = "root-key-of-the-launcher-tests-0123456789";
const launcher = ["node", join(root, "server/bin/latchkey.mjs"), "serve"];
const withinMs = 60_000;

/** Starts a server with the command `words`. It listens on its own port, which identifies its processes. */
async function startBy(...words: string[]) {
  const port = String(await freePort());
  const [command = "", ...args] = words;
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env["PATH"], PORT: port, DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey },
    stdio: "ignore",
    detached: true, // its own process group, like a job of a shell
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => await isLive(url), withinMs);
  return { url, port, pid: child.pid ?? 0, child };
}

async function isLive(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/live`).catch(() => undefined);
  return response?.ok ?? false;
}

/** Sends a request without the end of its body. */
async function begin(url: string) {
  const body = JSON.stringify({ externalId: "in_flight" });
  const connection = await openRaw(url);
  connection.send(
    `POST /v2/identities.createIdentity HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rootKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  await fetch(`${url}/health/live`); // when this has a response, the server has read what was sent before
  return { connection, finish: () => connection.send(body.slice(5)) };
}

/** Calls `end` during a request. Expects the server to drain, respond to that request, and leave no process behind. */
async function expectDrained(server: Awaited<ReturnType<typeof startBy>>, end: () => void) {
  const { url, port } = server;
  const { connection, finish } = await begin(url);
  end();
  await until(
    async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status !== 200,
    withinMs,
  );
  finish();
  expect((await connection.reply())?.status).toBe(200);
  await until(() => processesOf(port).length === 0, withinMs);
}

const startedBy = [
  ["npm start", ["npm", "start"]],
  ["npx latchkey serve", ["npx", "latchkey", "serve"]],
  ["the launcher", launcher],
] as const;
const signals = ["SIGTERM", "SIGINT", "SIGKILL"] as const;

describe.each(startedBy)("a server that was started by %s", (_name, words) => {
  // npx runs a shell that does not pass SIGINT on and keeps running
  const alone = words[0] === "npx" ? signals.filter((signal) => signal !== "SIGINT") : signals;
  test.concurrent.each(alone)(
    "drains and ends, and leaves no process, if only the started process gets %s",
    async (signal) => {
      const server = await startBy(...words);
      await expectDrained(server, () => process.kill(server.pid, signal));
    },
  );

  test.concurrent.each(["SIGTERM", "SIGINT"] as const)(
    "drains and ends when all its processes get %s at once, as from a terminal or from systemd",
    async (signal) => {
      const server = await startBy(...words);
      await expectDrained(server, () => {
        for (const { pid } of processesOf(server.port)) killIfAlive(pid, signal);
      });
    },
  );

  test.concurrent("drains and ends when its terminal closes", async () => {
    const server = await startBy("script", "-qec", words.join(" "), "/dev/null");
    await expectDrained(server, () => process.kill(server.pid, "SIGKILL"));
  });

  test.concurrent.each(["nohup", "setsid", ""])(
    "keeps running if %p and & started it in a shell that exits",
    async (by) => {
      const server = await startBy("sh", "-c", `${by} ${words.join(" ")} </dev/null >/dev/null 2>&1 &`);
      await until(() => server.child.exitCode ?? undefined);
      await expectToGoOn(server.url);
      await killProcessesOf(server.port);
    },
  );

  test.concurrent("keeps running under nohup when the terminal that it was started from closes", async () => {
    const server = await startBy("sh", "-c", `nohup ${words.join(" ")} </dev/null >/dev/null 2>&1 & wait`);
    process.kill(-server.pid, "SIGHUP");
    await until(() => server.child.signalCode ?? undefined);
    await expectToGoOn(server.url);
    await killProcessesOf(server.port);
  });
});

/**
 * Expects the server to go on running for longer than the launcher and the server need to notice that something has
 * ended.
 */
async function expectToGoOn(url: string): Promise<void> {
  const untilMs = performance.now() + 2_000;
  while (performance.now() < untilMs) {
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
