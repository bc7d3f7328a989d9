/**
 * Tests a move from another server without downtime, through all its steps: import, `shadow`, `fallback`, `off`.
 * Clients send requests throughout. A second old server (`control`) gets the same requests and is not replaced: its
 * responses show how each request must be decided.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { postgres, type Reply, startTest, type TestEngine, type TestServer } from "./harness.ts";
import { type OldServer, populate } from "./oldServer.ts";
import { newFolder, runProgram } from "./program.ts";
import { type Services, startServices } from "./services.ts";

const memory: TestEngine = { name: "sqlite in memory", url: () => ":memory:" };
const folder = newFolder();
const rootKeyFile = join(folder, "old.key");
let redis: Services;
let old: TestServer;
let control: TestServer;
let first: TestServer;
const nodes: TestServer[] = [];
let moved: OldServer;
let same: OldServer;

beforeAll(async () => {
  redis = await startServices("redis");
  [old, control, first] = await Promise.all([
    startTest({ engine: memory }),
    startTest({ engine: memory }),
    startTest({ engine: postgres, config: shared() }),
  ]);
  moved = await populate(old);
  same = await populate(control);
  writeFileSync(rootKeyFile, old.rootKey);
}, 60_000);
afterAll(async () => {
  for (const node of nodes) await node.stop();
  await first.stop();
  await Promise.all([old.stop(), control.stop()]);
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

const shared = () => ({ REDIS_URL: redis.environment["TEST_REDIS_URL"] ?? "" });
const upstream = () => ({
  UPSTREAM_VERIFY_URL: old.url,
  UPSTREAM_VERIFY_ROOT_KEY_FILE: rootKeyFile,
  UPSTREAM_VERIFY_WORKSPACE: first.workspaceId,
});

/** Starts another node on the same database. */
async function startNode(mode: string): Promise<TestServer> {
  const engine = { name: "the same database", url: () => first.databaseUrl };
  const node = await startTest({
    engine,
    config: { ...shared(), ...upstream(), UPSTREAM_VERIFY_MODE: mode },
  });
  nodes.push(node);
  return node;
}

const command = async (...words: string[]) => {
  const env = { DATABASE_URL: first.databaseUrl, ...upstream() };
  const { code, stdout, stderr } = await runProgram(words, { env, cwd: folder });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
};

/** Where clients send their requests. */
type Place = { server: TestServer; rootKey: string };
let place: Place;

/**
 * Kinds of keys with rate limits. Clients use them only from the step `shadow` on, since a move does not take over
 * windows that began on the old server.
 */
const limitedKinds = ["limited", "ofUser", "ofUserToo"];
/** Kinds of keys that clients use only after the step `fallback`, so that it begins before their hashes are known. */
const lateKinds = ["prefixed", "daily", "both"];

/** The requests with a key of each kind. They are sent one after the other. */
const requests: Record<string, object[]> = {
  direct: [{ permissions: "documents.read" }, { permissions: "billing.read OR documents.admin" }],
  byRole: [{ permissions: "documents.read AND documents.write" }, { permissions: "billing.read" }],
  both: [{ permissions: "billing.refund AND documents.write" }],
  credits: [{}, { credits: { cost: 2 } }, { credits: { cost: 0 } }],
  limited: [{}, { ratelimits: [{ name: "tokens", cost: 2 }] }],
  ofUser: [{}],
  ofUserToo: [{}],
};

type Said = { status: number; code?: string; credits?: number; limits?: unknown };

function said(reply: Reply): Said {
  const { code, credits, ratelimits } = reply.body.data ?? {};
  const limits = ratelimits?.map(({ name, remaining, exceeded }: Record<string, unknown>) => [
    name,
    remaining,
    exceeded,
  ]);
  return { status: reply.status, code, credits, limits: limits?.sort() };
}

let sent = 0;
const wrong: unknown[] = [];

/** Sends one request to both servers. */
async function ask(kind: string, body: object): Promise<void> {
  const key = moved.keys[kind]?.key ?? `unknown_${kind}`;
  const { server, rootKey } = place;
  const [there, here] = await Promise.all([
    control.call("keys.verifyKey", { key: same.keys[kind]?.key ?? key, ...body }),
    server.call("keys.verifyKey", { key, ...body }, { rootKey }),
  ]);
  sent += 1;
  const [expected, got] = [said(there), said(here)];
  if (!Bun.deepEquals(expected, got)) wrong.push({ kind, body, expected, got, text: here.text });
}

/**
 * The clients, each with the kinds of keys that it uses one after the other. Keys of one identity share its limits, so
 * a single client uses all of them: their requests then reach both servers in the same order.
 */
const clients = [
  ["plain", "credits", "expired", "limited", "monthly"],
  ["spent", "disabled", "expiring", "withoutStart", "daily"],
  ["direct", "byRole", "prefixed", "both", "nonsense"],
  ["ofUser", "ofUserToo"],
];

/** Sends requests without a pause until it is stopped. Keys of the kinds `without` are not used. */
function startTraffic(without: readonly string[]) {
  let stopped = false;
  const rounds = clients.map(async (kinds) => {
    for (let round = 0; !stopped; round += 1) {
      for (const kind of kinds.filter((one) => !without.includes(one))) {
        const bodies = requests[kind] ?? [{}];
        await ask(kind, bodies[round % bodies.length] ?? {});
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(rounds);
  };
}

async function during<T>(without: readonly string[], work: () => Promise<T>): Promise<T> {
  const stop = startTraffic(without);
  try {
    const before = sent;
    const result = await work();
    while (sent < before + 60) await new Promise((resolve) => setTimeout(resolve, 5));
    return result;
  } finally {
    await stop();
  }
}

/** Lets time pass on every server. */
function advance(ms: number): void {
  for (const server of [old, control, first, ...nodes]) server.clock.advance(ms);
}

test("from import to off, no request fails or is decided differently than without the move", async () => {
  place = { server: old, rootKey: old.rootKey };
  await during([...limitedKinds, ...lateKinds], async () => {
    const report = await command("import", "unkey", "--api", moved.apiId, "--namespaces", "mail");
    expect(report).toMatch(/key +16\n/);
    const shadow = await startNode("shadow");
    place = { server: shadow, rootKey: first.rootKey };
  });
  await during(lateKinds, async () => undefined);
  expect(await command("import", "status")).toMatch(/learned +13\n +waiting +3\nDifferences: none/);
  await during(lateKinds, async () => {
    place = { server: await startNode("fallback"), rootKey: first.rootKey };
  });
  advance(24 * 3_600_000); // in this time, credits are refilled and a key expires
  await during([], async () => undefined);
  expect(await command("import", "status")).toMatch(/learned +16\n +waiting +0\nDifferences: none/);
  const csv = await command("import", "status", "--not-seen-days", "1");
  expect(csv.split("\n")[0]).toBe("keyId,apiId,externalId,name,start,state,lastVerifiedAt");
  await during([], async () => {
    place = { server: await startNode("off"), rootKey: first.rootKey };
  });
  await old.call("apis.deleteApi", { apiId: moved.apiId }); // shows that no server asks the old one any more
  await during([], async () => undefined);
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(sent).toBeGreaterThan(300);
}, 60_000);
