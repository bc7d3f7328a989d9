import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RedisServer, startRedisServer } from "../redisServer.ts";
import { type RedisCluster, startRedisCluster, whilePrompt } from "./redisCluster.ts";

let redis: RedisServer;
let cluster: RedisCluster;
beforeAll(async () => {
  redis = await startRedisServer();
  cluster = await startRedisCluster(redis.url);
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  await redis.stop();
});

const callers = 64;
const total = { name: "total", limit: 150, duration: 60_000 };
const burst = { name: "burst", limit: 50, duration: 1_000 };
const namespace = "calls";

/** When an admitted call was sent, and when its response arrived, in milliseconds. It was decided in between. */
type Admission = { sentMs: number; receivedMs: number };

/** Sends a call to a node. Returns whether the call was admitted (`passed`), and whether to stop calling (`over`). */
type Caller = (at: number) => Promise<{ passed: boolean; over: boolean }>;

async function callOn(call: Caller, at: number, admitted: Admission[]): Promise<void> {
  for (;;) {
    const sentMs = performance.now();
    const { passed, over } = await call(at);
    if (passed) admitted.push({ sentMs, receivedMs: performance.now() });
    if (over) return;
  }
}

/**
 * Returns the most calls that were certainly decided within one span of `durationMs`: those that were sent in it and
 * whose responses arrived in it. The span is one millisecond shorter, since Redis decides in whole milliseconds.
 */
function mostWithin(durationMs: number, admitted: readonly Admission[]): number {
  const within = admitted.map(
    ({ sentMs: fromMs }) =>
      admitted.filter(({ sentMs, receivedMs }) => sentMs >= fromMs && receivedMs < fromMs + durationMs - 1)
        .length,
  );
  return Math.max(0, ...within);
}

/**
 * Runs 64 concurrent callers on all nodes. Half of them verify keys of one user; the others count against a long and
 * a short limit.
 */
async function flood() {
  const keys = await cluster.makeUser([total, burst], 5);
  const admitted: Record<"user" | "long" | "short", Admission[]> = { user: [], long: [], short: [] };
  const [longOne, shortOne] = [crypto.randomUUID(), crypto.randomUUID()];
  const limit = (at: number, identifier: string, { limit, duration }: typeof total) =>
    cluster.data(at, "ratelimit.limit", { namespace, identifier, limit, duration });

  const ways: Record<keyof typeof admitted, Caller> = {
    async user(at) {
      const key = keys[at % keys.length];
      const { valid, ratelimits } = await cluster.data(at, "keys.verifyKey", { key });
      const left = (ratelimits as { name: string; remaining: number }[]).find(({ name }) => name === "total");
      return { passed: valid, over: left?.remaining === 0 };
    },
    async long(at) {
      const { success } = await limit(at, longOne, total);
      return { passed: success, over: !success };
    },
    async short(at) {
      const { success } = await limit(at, shortOne, burst);
      return { passed: success, over: admitted.short.length > 2 * burst.limit };
    },
  };

  const localBefore = await cluster.sum("latchkey_local_decisions_total");
  const names = ["user", "long", "user", "short"] as const;
  const all = Array.from({ length: callers }, (_, at) => {
    const name = names[at % names.length] ?? "user";
    return callOn(ways[name], at, admitted[name]);
  });
  await Promise.all(all);
  const strays = (await cluster.sum("latchkey_local_decisions_total")) - localBefore;
  return { found: admitted, strays };
}

test("64 callers on three nodes are granted exactly their shared limit, and in no window of time more than a limit", async () => {
  const { user, long, short } = await whilePrompt(flood);
  expect(user).toHaveLength(total.limit);
  expect(long).toHaveLength(total.limit);
  expect(mostWithin(burst.duration, user)).toBe(burst.limit);
  expect(mostWithin(burst.duration, short)).toBe(burst.limit);
}, 60_000);
