/**
 * Tests how many bytes of objects a verification creates. They are measured by the growth of a process that never
 * collects garbage, which is exact to a few thousandths, however busy the machine is. Characters of strings are
 * not counted.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { callServer, newFolder } from "./program.ts";

/**
 * How many bytes a verification creates. If a change lowers it, lower this number, too. If it must rise, say why in
 * the commit.
 */
const bytesExpected = 4_120;
const batchBytesExpected = 3_260;

const limit = { name: "requests", limit: 1_000_000_000, duration: 3_600_000, autoApply: true };
const callers = 4;

let server: Awaited<ReturnType<typeof startUncollected>>;
let bodies: string[];

async function startUncollected() {
  const script = new URL("./allocations.child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, `file:${join(newFolder(), "latchkey.db")}`], {
    env: { ...process.env, BUN_JSC_useGC: "false" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  const { url, rootKey } = JSON.parse(await nextLine()) as { url: string; rootKey: string };
  return {
    url,
    rootKey,
    async heapBytes() {
      child.stdin.write("\n");
      return Number(await nextLine());
    },
    stop: () => child.kill("SIGKILL"),
  };
}

beforeAll(async () => {
  server = await startUncollected();
  const { url, rootKey } = server;
  const call = async (operation: string, body: object) =>
    (await callServer(url, rootKey, operation, body)).body.data;
  const { apiId } = await call("apis.createApi", { name: "payments" });
  await call("identities.createIdentity", { externalId: "user", meta: { plan: "pro" }, ratelimits: [limit] });
  bodies = [];
  for (let i = 0; i < callers; i += 1) {
    const { key } = await call("keys.createKey", { apiId, externalId: "user", name: "a key" });
    bodies.push(JSON.stringify({ key }));
  }
}, 30_000);
afterAll(() => server.stop());

/**
 * Sends `times` requests in all. Each body has a caller, which waits for a response before it sends the body again, so
 * the number of connections stays the same.
 */
async function send(times: number, operation: string, bodies: readonly string[]): Promise<void> {
  const headers = { Authorization: `Bearer ${server.rootKey}`, "Content-Type": "application/json" };
  const sendAgainAndAgain = async (body: string) => {
    for (let i = 0; i < times / callers; i += 1) {
      const response = await fetch(`${server.url}/v2/${operation}`, { method: "POST", headers, body });
      expect(await response.text()).toContain('"code":"VALID"');
    }
  };
  await Promise.all(bodies.map(sendAgainAndAgain));
}

/** Returns by how many bytes the heap grows for each request. Warms up first, so that all code is compiled. */
async function bytesOf(times: number, operation: string, bodies: readonly string[]): Promise<number> {
  await send(2 * times, operation, bodies);
  const before = await server.heapBytes();
  await send(times, operation, bodies);
  return ((await server.heapBytes()) - before) / times;
}

test("a verification of a cached key creates at most a tenth more bytes of objects than expected", async () => {
  const bytes = await bytesOf(8_000, "keys.verifyKey", bodies);
  expect(bytes).toBeLessThan(1.1 * bytesExpected);
  expect(bytes).toBeGreaterThan(0.8 * bytesExpected);
}, 120_000);

test("a verification in a batch of 16 creates at most a tenth more bytes of objects than expected", async () => {
  const batches = bodies.map((body) => `[${Array.from({ length: 16 }, () => body).join()}]`);
  const bytes = (await bytesOf(1_000, "keys.verifyKeys", batches)) / 16;
  expect(bytes).toBeLessThan(1.1 * batchBytesExpected);
  expect(bytes).toBeGreaterThan(0.8 * batchBytesExpected);
}, 120_000);
