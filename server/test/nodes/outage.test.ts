import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Reply } from "../harness.ts";
import { until } from "../until.ts";
import { type Node, newRootKey, startNode } from "./node.ts";
import { type PostgresServer, startPostgres } from "./postgresServer.ts";

/** How long a response may take. The guarantee is one second, but the machine that runs the tests may be busy. */
const promptMs = 2_500;

let server: PostgresServer;
let node: Node;
let apiId: string;
let cached: string;
let uncached: string;
let limited: string;

beforeAll(async () => {
  server = await startPostgres();
  node = await startNode({ databaseUrl: server.url, rootKey: newRootKey() });
  ({ apiId } = await data("apis.createApi", { name: "payments" }));
  cached = (await data("keys.createKey", { apiId })).key;
  limited = (await data("keys.createKey", { apiId, credits: { remaining: 1_000 } })).key;
  for (const key of [cached, limited]) expect((await verify(key)).body.data.code).toBe("VALID");
}, 60_000);

afterAll(async () => {
  await node.kill();
  await server.stop();
});

beforeEach(async () => {
  uncached = (await data("keys.createKey", { apiId })).key;
});

const data = async (operation: string, body: unknown) => (await node.call(operation, body)).body.data;
const verify = (key: string) => node.call("keys.verifyKey", { key });

async function timed(work: Promise<Reply>): Promise<{ status: number; tookMs: number }> {
  const startedAt = performance.now();
  const { status } = await work;
  return { status, tookMs: performance.now() - startedAt };
}

const ready = async () => (await fetch(`${node.url}/health/ready`)).status;
const alive = async () => (await fetch(`${node.url}/health/live`)).status;

/** Expects the responses that callers must get while the database does not respond. */
async function expectOutage(): Promise<void> {
  const replies = {
    cached: await timed(verify(cached)),
    uncached: await timed(verify(uncached)),
    credits: await timed(verify(limited)),
    write: await timed(node.call("identities.createIdentity", { externalId: "user_1" })),
    read: await timed(node.call("identities.listIdentities", {})),
  };
  console.info(
    Object.entries(replies)
      .map(([what, { status, tookMs }]) => `${what} ${status} in ${Math.round(tookMs)} ms`)
      .join(", "),
  );
  const statuses = Object.entries(replies).map(([what, { status }]) => [what, status] as const);
  expect(Object.fromEntries(statuses)).toEqual({
    cached: 200,
    uncached: 503,
    credits: 503,
    write: 503,
    read: 503,
  });
  expect(replies.uncached.tookMs).toBeLessThan(promptMs);
  expect(await ready()).toBe(503);
  expect(await alive()).toBe(200);
}

async function expectRecovery(externalId: string): Promise<void> {
  const backAt = performance.now();
  await until(async () => (await verify(uncached)).status === 200);
  console.info(`responds again after ${Math.round(performance.now() - backAt)} ms`);
  expect((await verify(limited)).status).toBe(200);
  expect((await node.call("identities.createIdentity", { externalId })).status).toBe(200);
  expect(await ready()).toBe(200);
}

test("while PostgreSQL hangs, cached keys are verified and other calls are 503; when it continues, so does the node", async () => {
  server.signal("SIGSTOP");
  try {
    await expectOutage();
  } finally {
    server.signal("SIGCONT");
  }
  await expectRecovery("user_2");
}, 60_000);

test("a node reconnects to a PostgreSQL that was killed and restarted, without a restart of the node", async () => {
  server.run("pg_ctl", "stop", "-D", server.folder, "-m", "immediate", "-s", "-w");
  await expectOutage();
  const log = `${server.folder}/restarted.log`;
  server.run("pg_ctl", "start", "-D", server.folder, "-l", log, "-s", "-w");
  await expectRecovery("user_3");
}, 60_000);
