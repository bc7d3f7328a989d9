/** Tests what docs/operating/failures.md says about a Redis whose memory is full. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { type RedisServer, startRedisServer } from "../redisServer.ts";
import { until } from "../until.ts";

let server: RedisServer;
let redis: RedisClient;
let node: Node;
beforeAll(async () => {
  server = await startRedisServer(["maxmemory-policy noeviction"]);
  redis = new RedisClient(server.url);
  const environment = { REDIS_URL: server.url, LOG_LEVEL: "info" };
  node = await startNode({ databaseUrl: ":memory:", rootKey: newRootKey(), environment });
}, 30_000);
afterAll(async () => {
  redis?.close();
  await node?.kill();
  await server?.stop();
});

const limit = { namespace: "calls", identifier: "someone", limit: 1_000, duration: 600_000 };
const remaining = async () => (await node.call("ratelimit.limit", limit)).body.data.remaining;
const isUp = async () => (await node.metric("latchkey_redis_up")) === 1;

test("limits are enforced while Redis is full, nothing is granted twice, and Redis counts again when it has space", async () => {
  expect([await remaining(), await remaining()]).toEqual([999, 998]);
  await redis.send("CONFIG", ["SET", "maxmemory", "1"]);
  const alone = [await remaining(), await remaining(), await remaining()];
  expect(alone).toEqual([999, 998, 997]); // without Redis, a single node grants the whole limit anew
  expect(await isUp()).toBe(false);
  await redis.send("CONFIG", ["SET", "maxmemory", "0"]);
  await until(isUp);
  expect(await remaining()).toBe(1_000 - 2 - alone.length - 1);
  const events = [...node.output().matchAll(/"event":"(redis_\w+)"/g)].map(([, event]) => event);
  expect(events).toEqual(["redis_down", "redis_back"]);
  expect(node.output()).toContain("OOM");
}, 30_000);
