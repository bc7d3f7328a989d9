import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { RedisClient } from "bun";
import type { Clock } from "../../../../test/model.ts";
import { startProxy, type TcpProxy } from "../../../../test/proxy.ts";
import {
  freshWindow,
  isBack,
  openRedisNode,
  passes,
  type RedisNode,
  remaining,
} from "../../../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../../../test/redisServer.ts";
import { until } from "../../../../test/until.ts";
import { unsentAdmissions } from "./admissions.ts";

// Replay means: adding to Redis what a process granted while Redis was unavailable. These tests make Redis
// unavailable by breaking connections while no call is on its way to Redis. Then the processes must grant exactly the
// limit in total.

let server: RedisServer;
let proxy: TcpProxy;
let url: string;
let nodes: RedisNode[];
beforeAll(async () => {
  server = await startRedisServer();
  proxy = await startProxy({ host: "127.0.0.1", port: server.port });
  url = `redis://127.0.0.1:${proxy.port}`;
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});
beforeEach(() => {
  nodes = [];
});
afterEach(async () => {
  proxy.onSent(undefined);
  proxy.mend();
  await Promise.all(nodes.map((node) => node.counters.close()));
});

async function open(
  ...options: Parameters<typeof openRedisNode> extends [string, ...infer Rest] ? Rest : never
) {
  const node = await openRedisNode(url, ...options);
  nodes.push(node);
  return node;
}

async function loseRedis(node: RedisNode): Promise<void> {
  proxy.cut();
  await until(() => !node.counters.isUp());
}

test("what is admitted during a replay is replayed too", async () => {
  const node = await open();
  const limit = 1_000_000;
  const granted = new Map(Array.from({ length: 1500 }, () => [freshWindow({ limit }), 0]));
  const hitAll = async () => {
    let hits = 0;
    for (const [window, count] of granted) {
      const { passed } = await node.counters.hit([window]);
      if (passed) granted.set(window, count + 1);
      hits += 1;
      if (hits % 50 === 0) await new Promise(setImmediate);
    }
  };
  await loseRedis(node);
  await hitAll();
  proxy.mend();
  while (node.backs.length === 0) await hitAll();
  await hitAll();
  expect(node.backs[0]?.countersBroughtBack).toBe(granted.size);
  for (const [window, count] of granted) expect(await remaining(node.counters, window)).toBe(limit - count);
}, 30_000);

test("Redis decides about no counter before the admission on that counter is replayed, however many are in flight", async () => {
  const node = await open();
  const windows = Array.from({ length: 3000 }, () => freshWindow({ limit: 2 }));
  await loseRedis(node);
  for (const window of windows) expect(await passes(node.counters, window, 3)).toBe(2);
  proxy.mend();
  let [asked, passed] = [0, 0];
  while (node.backs.length === 0) {
    const window = windows[windows.length - 1 - (asked % windows.length)] ?? freshWindow();
    const local = node.local();
    if ((await node.counters.hit([window])).passed) passed += 1;
    if (node.local() === local) asked += 1;
    else await new Promise(setImmediate);
  }
  expect(passed).toBe(0);
  expect(asked).toBeGreaterThan(10);
}, 30_000);

test("a peek counts what this process granted, even before it is replayed", async () => {
  const node = await open();
  const windows = Array.from({ length: 3000 }, () => freshWindow({ limit: 2 }));
  await loseRedis(node);
  for (const window of windows) expect(await passes(node.counters, window, 2)).toBe(2);
  proxy.mend();
  let asked = 0;
  while (node.backs.length === 0) {
    const window = windows[windows.length - 1 - (asked % windows.length)] ?? freshWindow();
    expect(await node.counters.peek([window])).toMatchObject([{ passed: false, used: 2 }]);
    if (node.counters.isUp()) asked += 1;
    else await new Promise(setImmediate);
  }
  expect(asked).toBeGreaterThan(10);
}, 30_000);

test("a replay whose response was lost counts only once, and so does what is granted afterwards", async () => {
  const node = await open();
  const window = freshWindow({ limit: 20 });
  await loseRedis(node);
  expect(await passes(node.counters, window, 5)).toBe(5);
  let lost = 0;
  proxy.onSent((data) => {
    const adds = data.includes(`${window.subject}\r\n`) && lost < 2;
    if (adds) lost += 1;
    return adds;
  });
  proxy.mend();
  await until(() => lost > 0);
  expect(await passes(node.counters, window, 4)).toBe(4);
  await isBack(node);
  expect(lost).toBe(2);
  await until(async () => (await remaining(node.counters, window)) === 11);
  expect(await passes(node.counters, window, 20)).toBe(11);
}, 30_000);

test("after a long outage, only costs that still count are replayed, and they expire one duration after they were granted", async () => {
  const clock: Clock = { nowMs: 1_770_000_000_000 };
  const node = await open({ clock });
  const window = freshWindow({ durationMs: 60_000, limit: 10 });
  await loseRedis(node);
  for (let minute = 0; minute < 5; minute += 1) {
    expect(await passes(node.counters, window, 4)).toBe(4);
    clock.nowMs += 30_000;
    expect(await passes(node.counters, window, 3)).toBe(3);
    clock.nowMs += 30_000;
  }
  proxy.mend();
  await isBack(node);
  expect(await remaining(node.counters, window)).toBe(7);
  clock.nowMs += 29_999;
  expect(await remaining(node.counters, window)).toBe(7);
  clock.nowMs += 1;
  expect(await remaining(node.counters, window)).toBe(10);
}, 30_000);

test("what several nodes replay counts from the time of each cost, within duration/20", async () => {
  const clock: Clock = { nowMs: 1_780_000_000_000 };
  const all = [await open({ clock }), await open({ clock }), await open({ clock })];
  const window = freshWindow({ durationMs: 60_000, limit: 1000 });
  const costs: { atMs: number; cost: number }[] = [];
  proxy.cut();
  await until(() => all.every((node) => !node.counters.isUp()));
  for (let step = 0; step < 300; step += 1) {
    const cost = 1 + (step % 3);
    await all[(step * 7) % 3]?.counters.hit([{ ...window, cost }]);
    costs.push({ atMs: clock.nowMs, cost });
    clock.nowMs += (step * 37) % 400;
  }
  const endMs = clock.nowMs;
  proxy.mend();
  await Promise.all(all.map(isBack));
  const usedIn = (fromMs: number) =>
    costs.filter(({ atMs }) => atMs > fromMs).reduce((sum, { cost }) => sum + cost, 0);
  for (; clock.nowMs < endMs + 63_000; clock.nowMs += 613) {
    const used = 1000 - ((await remaining(all[0]?.counters as RedisNode["counters"], window)) ?? 0);
    expect(used).toBeGreaterThanOrEqual(usedIn(clock.nowMs - 60_000));
    expect(used).toBeLessThanOrEqual(usedIn(clock.nowMs - 63_000));
  }
  const client = new RedisClient(server.url);
  const [key = ""] = (await client.send("KEYS", [`*${window.subject}`])) as string[];
  expect(key === "" ? 0 : Number(await client.send("STRLEN", [key]))).toBeLessThanOrEqual(62 * 20 + 12);
  client.close();
}, 30_000);

test("a hit that is given back before its replay never counts, and a hit that is given back after its replay stays counted", async () => {
  const node = await open();
  const window = freshWindow();
  await loseRedis(node);
  const early = await node.counters.hit([window]);
  const late = await node.counters.hit([window]);
  const last = await node.counters.hit([window]);
  await node.counters.giveBack(early);
  await node.counters.giveBack(early);
  proxy.mend();
  await isBack(node);
  expect(await remaining(node.counters, window)).toBe(8);
  await node.counters.giveBack(late);
  expect(await remaining(node.counters, window)).toBe(8);
  await loseRedis(node);
  await node.counters.hit([window]);
  await node.counters.giveBack(last); // `last` was replayed already, so this must not take anything from the new hit
  node.backs.length = 0;
  proxy.mend();
  await isBack(node);
  expect(await remaining(node.counters, window)).toBe(7);
}, 30_000);

test("an admission is replayed only once, however often Redis fails and returns", async () => {
  const node = await open();
  const window = freshWindow({ limit: 100 });
  for (let outage = 0; outage < 3; outage += 1) {
    await loseRedis(node);
    await passes(node.counters, window, 3);
    node.backs.length = 0;
    proxy.mend();
    await isBack(node);
  }
  expect(await remaining(node.counters, window)).toBe(91);
}, 30_000);

test("a process grants its share of the limit once per window, however often Redis fails and returns", async () => {
  const node = await open({ nodes: 2 });
  const window = freshWindow({ limit: 100 });
  const granted: number[] = [];
  for (let outage = 0; outage < 3; outage += 1) {
    await loseRedis(node);
    granted.push(await passes(node.counters, window, 20));
    node.backs.length = 0;
    proxy.mend();
    await isBack(node);
    expect(await passes(node.counters, window, 1)).toBe(1);
  }
  expect(granted).toEqual([20, 20, 10]);
  expect(await remaining(node.counters, window)).toBe(47);
}, 30_000);

test("a process that ends tries once more to replay what it granted", async () => {
  const node = await openRedisNode(url);
  const window = freshWindow();
  await loseRedis(node);
  await passes(node.counters, window, 4);
  proxy.mend();
  await node.counters.close();
  const other = await open();
  expect(await remaining(other.counters, window)).toBe(6);
}, 30_000);

test("a process can end while Redis is unavailable", async () => {
  const node = await openRedisNode(url);
  await loseRedis(node);
  await passes(node.counters, freshWindow(), 4);
  await node.counters.close();
}, 30_000);

test("what Redis remembers about replays expires", async () => {
  const node = await open();
  await loseRedis(node);
  await passes(node.counters, freshWindow(), 4);
  proxy.mend();
  await isBack(node);
  const client = new RedisClient(server.url);
  const keys = (await client.send("KEYS", ["latchkey:{*}a:*"])) as string[];
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) expect(Number(await client.send("PTTL", [key]))).toBeGreaterThan(0);
  client.close();
}, 30_000);

test("admissions that wait for their replay stay within their limit of bytes: expired ones are evicted first, then the least used", () => {
  let nowMs = 0;
  let evicted = 0;
  const unsent = unsentAdmissions({
    monotonicMs: () => nowMs,
    maxBytes: 100_000,
    onEvict: (count) => {
      evicted += count;
    },
  });
  const short = freshWindow({ durationMs: 1000, limit: 1000 });
  for (let index = 0; index < 5000; index += 1) {
    unsent.add({ ...short, subject: `short${index}` });
    nowMs += 100;
    expect(unsent.size()).toBeLessThan(50);
  }
  expect(evicted).toBe(0);
  const long = freshWindow({ durationMs: 3_600_000, limit: 1000 });
  const full = Array.from({ length: 50 }, (_, index) => ({ ...long, subject: `full${index}`, cost: 900 }));
  for (const window of full) unsent.add(window);
  for (let index = 0; index < 5000; index += 1) unsent.add({ ...long, subject: `long${index}` });
  expect(unsent.bytes()).toBeLessThanOrEqual(100_000);
  expect(evicted).toBeGreaterThan(4000);
  const kept = new Set(unsent.some(1000).map(({ window }) => window.subject));
  expect(full.filter(({ subject }) => !kept.has(subject))).toEqual([]);
});

test("what was granted while a replay was in flight is replayed later", () => {
  const unsent = unsentAdmissions({ monotonicMs: () => 0, maxBytes: 100_000, onEvict: () => {} });
  const window = freshWindow();
  const admission = unsent.add(window);
  const { sum } = admission;
  unsent.add(window);
  unsent.arrived(admission, sum);
  expect(unsent.some(10)).toEqual([admission]);
  unsent.arrived(admission, 2);
  expect(unsent.size()).toBe(0);
  expect(unsent.bytes()).toBe(0);
});
