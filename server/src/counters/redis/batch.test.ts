import { afterAll, beforeAll, expect, test } from "bun:test";
import { RedisClient } from "bun";
import fc from "fast-check";
import type { Clock } from "../../../test/model.ts";
import { freshWindow, openRedisNode, type RedisNode } from "../../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../../test/redisServer.ts";
import { until } from "../../../test/until.ts";
import type { Window } from "../../domain/windows.ts";
import { memoryCounters } from "../memory/memory.ts";
import { redisKeyOfWindow } from "./keys.ts";

const clock: Clock = { nowMs: 1_750_000_000_000 };
let server: RedisServer;
let node: RedisNode;
beforeAll(async () => {
  server = await startRedisServer();
  node = await openRedisNode(server.url, { clock });
});
afterAll(async () => {
  await node.counters.close();
  await server.stop();
});

const asked = fc.record({
  counter: fc.integer({ min: 0, max: 2 }),
  limit: fc.integer({ min: 0, max: 8 }),
  cost: fc.integer({ min: 0, max: 4 }),
});
/** Generates more hits than fit into one script, each with one to three windows; some have the same counter twice. */
const hits = fc.array(fc.array(asked, { minLength: 1, maxLength: 3 }), { minLength: 120, maxLength: 140 });

test("hits that are sent together have the same results as if each were sent alone, one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(hits, async (calls) => {
      const counters = [freshWindow(), freshWindow(), freshWindow()];
      const together = calls.map((windows) =>
        windows.map(({ counter, ...rest }): Window => ({ ...(counters[counter] ?? freshWindow()), ...rest })),
      );
      const inTurn = memoryCounters({ nowMs: () => clock.nowMs, maxBytes: 2 ** 20 });
      const expected = together.map((windows) => inTurn.hit(windows));
      const hits = await Promise.all(together.map(async (windows) => node.counters.hit(windows)));
      expect(hits.map(({ passed, windows }) => ({ passed, windows }))).toEqual(
        expected.map(({ passed, windows }) => ({ passed, windows })),
      );
      clock.nowMs += 10;
    }),
    { numRuns: 60 },
  );
  expect(node.local()).toBe(0);
});

test("hits of several workspaces are sent together and counted separately", async () => {
  const windows = ["ws_1", "ws_2", "ws_3"].map((workspaceId) => ({
    ...freshWindow({ limit: 5 }),
    workspaceId,
  }));
  const all = Array.from({ length: 30 }, (_, call) => windows[call % 3] ?? freshWindow());
  const hits = await Promise.all(all.map(async (window) => node.counters.hit([window])));
  const passedOf = (place: number) => hits.filter((hit, call) => call % 3 === place && hit.passed).length;
  expect([0, 1, 2].map(passedOf)).toEqual([5, 5, 5]);
});

test("a counter that cannot be read fails only its own hits, not the other hits of the batch", async () => {
  const client = new RedisClient(server.url);
  const [bad, good] = [freshWindow({ limit: 20 }), freshWindow({ limit: 20 })];
  await client.send("SADD", [redisKeyOfWindow(bad), "not a counter"]);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, async (_, call) => node.counters.hit([call % 3 === 0 ? bad : good])),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(
    Array.from({ length: 30 }, (_, call) => (call % 3 === 0 ? "rejected" : "fulfilled")),
  );
  expect((await node.counters.hit([{ ...good, cost: 0 }])).windows[0]?.remaining).toBe(0);
  expect(node.downs).toEqual([]);
  client.close();
});

test("all keys of one script are in the same slot of a cluster", async () => {
  const cluster = await startRedisServer(["cluster-enabled yes"]);
  const client = new RedisClient(cluster.url);
  await client.send("CLUSTER", ["ADDSLOTSRANGE", "0", "16383"]);
  await until(async () => String(await client.send("CLUSTER", ["INFO"])).includes("cluster_state:ok"));
  const inCluster = await openRedisNode(cluster.url);
  const calls = Array.from({ length: 30 }, (_, call) => {
    const workspaceId = `ws_${call % 3}`;
    return [freshWindow({ workspaceId }), freshWindow({ workspaceId })];
  });
  const hits = await Promise.all(calls.map(async (windows) => inCluster.counters.hit(windows)));
  for (const hit of hits) await inCluster.counters.giveBack(hit);
  const looked = await Promise.all(calls.map(async (windows) => inCluster.counters.hit(windows)));
  expect(looked.flatMap(({ windows }) => windows.map((state) => state.remaining))).toEqual(
    calls.flatMap((windows) => windows.map(() => 9)),
  );
  expect(inCluster.local()).toBe(0);
  await inCluster.counters.close();
  client.close();
  await cluster.stop();
});
