import { afterAll, beforeAll, expect, test } from "bun:test";
import { startProxy, type TcpProxy } from "../proxy.ts";
import { type RedisServer, startRedisServer } from "../redisServer.ts";
import { until } from "../until.ts";
import { type RedisCluster, startRedisCluster, whilePrompt } from "./redisCluster.ts";

let redis: RedisServer;
let proxy: TcpProxy;
let cluster: RedisCluster;
beforeAll(async () => {
  redis = await startRedisServer();
  proxy = await startProxy({ host: "127.0.0.1", port: redis.port });
  cluster = await startRedisCluster(`redis://127.0.0.1:${proxy.port}`);
  // a node notices another one after at most five seconds
  await until(async () => (await cluster.each("latchkey_nodes")).every((count) => count === 3), 20_000);
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  await proxy.close();
  await redis.stop();
});

const nodes = 3;
const callers = 12;
const duration = 60_000;
const exactAgainMs = 5_000;

/** Sends one rate-limited call to a node, and returns whether it was admitted. Throws if the status is not 200. */
type Ask = (at: number) => Promise<boolean>;

/**
 * Creates an identity with a limit and three keys that share it. Returns a function that sends a call with one of them.
 */
async function user(limit: number): Promise<Ask> {
  const keys = await cluster.makeUser([{ name: "requests", limit, duration }], 3);
  return async (at) =>
    (await cluster.data(at, "keys.verifyKey", { key: keys[Math.floor(at / nodes) % keys.length] })).valid;
}

function address(limit: number): Ask {
  const asked = { namespace: "calls", identifier: crypto.randomUUID(), limit, duration };
  return async (at) => (await cluster.data(at, "ratelimit.limit", asked)).success;
}

/** Sends `calls` calls from several callers to all nodes in turn, and returns how many were admitted. */
async function admitted(ask: Ask, calls: number): Promise<number> {
  let sent = 0;
  let passed = 0;
  const caller = async () => {
    while (sent < calls) {
      sent += 1;
      if (await ask(sent)) passed += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return passed;
}

const areUp = async (up: 0 | 1) => (await cluster.each("latchkey_redis_up")).every((one) => one === up);
const decidedLocally = () => cluster.sum("latchkey_local_decisions_total");
const lossesSeen = () => cluster.each("latchkey_counter_losses_total");
const readiness = () =>
  Promise.all(cluster.nodes.map(async ({ url }) => (await fetch(`${url}/health/ready`)).status));

type Outage = { begin(): unknown; end(): unknown };

/**
 * Goes through an outage with two kinds of limits. Limits of 61, of which 20 are used before Redis fails, are flooded
 * with calls while it is down. Limits of 60, of which 10 are used before, get only 9 calls.
 */
async function goThrough({ begin, end }: Outage) {
  const floods = [await user(61), address(61)];
  const sparing = [await user(60), address(60)];
  const each = (asks: readonly Ask[], calls: number) => Promise.all(asks.map((ask) => admitted(ask, calls)));
  const [localAtFirst, lossesBefore] = [await decidedLocally(), await lossesSeen()];

  const before = [await each(floods, 20), await each(sparing, 10)];
  const localBefore = await decidedLocally();
  await begin();
  // these calls are in flight when Redis fails
  const during = [await each(floods, 180)];
  await until(() => areUp(0));
  during.push(await each(sparing, 9));
  const ready = await readiness();
  const localDuring = (await decidedLocally()) - localBefore;
  await end();
  await until(() => areUp(1), exactAgainMs);

  const localAfter = await decidedLocally();
  const after = [await each(floods, 30), await each(sparing, 90)];
  const anew = await each([await user(60), address(60)], 120);
  const strays = localBefore - localAtFirst + ((await decidedLocally()) - localAfter);
  const losses = (await lossesSeen()).map((count, node) => count - (lossesBefore[node] ?? 0));
  return { found: { before, during, after, anew, ready, localDuring, losses }, strays };
}

/**
 * What must be true in every outage. The rows are the flooded limits and the others. A row has the calls that a user's
 * keys got admitted, and those of an address.
 */
const always = {
  before: [
    [20, 20],
    [10, 10],
  ],
  // without Redis, each of the three nodes grants its share of the whole limit, ⌈61/3⌉ = 21, whatever was used before.
  // Together, that is 63, the limit + 3 − 1.
  during: [
    [63, 63],
    [9, 9],
  ],
  anew: [60, 60],
  ready: [200, 200, 200],
};

const hangs: Record<string, Outage> = {
  "hangs (SIGSTOP)": { begin: () => redis.signal("SIGSTOP"), end: () => redis.signal("SIGCONT") },
  "is behind a network that forwards nothing": { begin: () => proxy.pause(), end: () => proxy.resume() },
};

for (const [happens, outage] of Object.entries(hangs)) {
  test(`while Redis ${happens} no call fails, and each node grants its share of the limit, rounded up`, async () => {
    const { after, localDuring, ...rest } = await whilePrompt(() => goThrough(outage));
    expect(rest).toEqual({ ...always, losses: [0, 0, 0] });
    expect(localDuring).toBeGreaterThan(300);
    expect(after).toEqual([
      [0, 0],
      [41, 41],
    ]);
  }, 30_000);
}

test("when Redis is killed and comes back empty, only what it has lost is granted again, and each node counts the loss", async () => {
  const outage = { begin: redis.kill, end: redis.start };
  const { after, localDuring, ...rest } = await whilePrompt(() => goThrough(outage));
  expect(rest).toEqual({ ...always, losses: [1, 1, 1] });
  expect(localDuring).toBeGreaterThan(300);
  expect(after).toEqual([
    [0, 0],
    [51, 51],
  ]);
  const said = cluster.nodes.map((node) => node.output());
  for (const text of said) expect(text).toContain("redis_down");
}, 30_000);
