import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { freshWindow, openRedisNode } from "../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../test/redisServer.ts";
import { journaledCounters } from "../counters/memory/journal.ts";
import { monotonicMs } from "../runtime.ts";
import { type CounterPlace, copyCounters } from "./counters.ts";

const folder = newFolder();
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const hour = { durationMs: 3_600_000, limit: 10 };
const inFile = (name: string): CounterPlace => ({
  database: { kind: "file", path: join(folder, name) },
  redisUrl: undefined,
});
const journalOf = (name: string, nowMs = monotonicMs) =>
  journaledCounters({
    path: join(folder, `${name}.counters`),
    nowMs,
    maxBytes: 2 ** 20,
    onProblem: (sentence) => {
      throw new Error(sentence);
    },
  });
const copyTo = (source: CounterPlace, target: CounterPlace) =>
  copyCounters({ source, target, maxBytes: 2 ** 20, nowMs: monotonicMs });

test("counters are copied from the journal beside SQLite to the target's Redis, and back to a journal", async () => {
  const inRedis: CounterPlace = { database: { kind: "postgres", url: "" }, redisUrl: redis.url };
  const long = freshWindow({ ...hour, name: "wide \u{1F511}", subject: "lone \ud800" });
  const short = freshWindow({ limit: 10 });
  let ahead = -30 * 60_000;
  const counters = await journalOf("one", () => monotonicMs() + ahead);
  for (let hit = 0; hit < 3; hit += 1) counters.hit([long, short]);
  ahead = 0; // moves the counters' clock half an hour forward
  counters.hit([{ ...long, cost: 2 }, short]);
  await counters.close();

  expect(await copyTo(inFile("one"), inRedis)).toBe("counters: 1 (only of windows longer than a minute)");
  const node = await openRedisNode(redis.url);
  const [found] = await node.counters.peek([long]);
  expect(found?.used).toBe(5);
  expect(found?.emptyInMs).toBeGreaterThan(3_500_000);
  const [, full] = await node.counters.peek([long, { ...long, cost: 6 }]);
  expect(full?.passesInMs).toBeGreaterThan(1_700_000); // the first three hits expire half an hour before the others
  expect(full?.passesInMs).toBeLessThan(1_860_000);
  await node.counters.hit([{ ...long, cost: 1 }]);
  await node.counters.close();

  expect(await copyTo(inRedis, inFile("two"))).toBe("counters: 1 (only of windows longer than a minute)");
  const back = await journalOf("two");
  expect(back.peek([long])[0]?.used).toBe(6);
  await back.close();
});
