import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { freshWindow, isBack, openRedisNode, passes, remaining } from "../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../test/redisServer.ts";
import { until } from "../../test/until.ts";
import type { Clock } from "./model.ts";

let server: RedisServer;
let client: RedisClient;
beforeAll(async () => {
  server = await startRedisServer();
  client = new RedisClient(server.url);
});
afterAll(async () => {
  client.close();
  await server.stop();
});

/** How many scripts Redis has run so far. */
async function questions(): Promise<number> {
  const text = String(await client.send("INFO", ["commandstats"]));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

describe("memory in Redis", () => {
  const keysOf = async (subject: string) => (await client.send("KEYS", [`*${subject}`])) as string[];

  test("a counter that has run out leaves nothing behind", async () => {
    const node = await openRedisNode(server.url);
    const window = freshWindow({ durationMs: 1000 });
    await node.counters.hit([window]);
    const [key = "", ...others] = await keysOf(window.subject);
    expect(others).toEqual([]);
    const livesMs = Number(await client.send("PTTL", [key]));
    expect(livesMs).toBeGreaterThan(0);
    expect(livesMs).toBeLessThanOrEqual(1000);
    await node.counters.close();
  });

  test("a counter takes at most 62 entries of 20 bytes and 12 more, however it is used", async () => {
    const clock: Clock = { nowMs: 1_750_000_000_000 };
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 1_000_000 });
    let longest = 0;
    for (let hit = 0; hit < 400; hit += 1) {
      await node.counters.hit([window]);
      // just in time to join, then just too late
      clock.nowMs += hit % 2 === 0 ? 1000 : 1;
      const [key = ""] = await keysOf(window.subject);
      longest = Math.max(longest, Number(await client.send("STRLEN", [key])));
    }
    expect(longest).toBeLessThanOrEqual(62 * 20 + 12);
    expect(longest).toBeGreaterThan(60 * 20);
    await node.counters.close();
  });
});

describe("counters in Redis, shared by nodes", () => {
  test("three nodes with 64 callers grant exactly the limit together", async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => openRedisNode(server.url)));
    const window = freshWindow({ limit: 500 });
    const callers = Array.from({ length: 64 }, async (_, index) => {
      const node = nodes[index % 3];
      return node === undefined ? 0 : passes(node.counters, window, 20);
    });
    const total = (await Promise.all(callers)).reduce((sum, one) => sum + one, 0);
    expect(nodes.map((node) => node.local())).toEqual([0, 0, 0]);
    expect(total).toBe(500);
    await Promise.all(nodes.map((node) => node.counters.close()));
  }, 30_000);

  test("while Redis hangs each of k nodes grants its share, and what it granted counts when Redis is back", async () => {
    const nodes = await Promise.all([1, 2].map(() => openRedisNode(server.url, { nodes: 2 })));
    const [one, other] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const windows = Array.from({ length: 30 }, () => freshWindow({ limit: 9 }));
    for (const window of windows) expect(await passes(one.counters, window, 1)).toBe(1);
    await remaining(other.counters, windows[0] ?? freshWindow());
    server.signal("SIGSTOP");
    try {
      for (const { counters } of nodes) {
        const granted = await Promise.all(windows.map((window) => passes(counters, window, 20)));
        expect(new Set(granted)).toEqual(new Set([5]));
      }
    } finally {
      server.signal("SIGCONT");
    }
    await Promise.all(nodes.map(isBack));
    for (const { counters } of nodes) {
      for (const window of windows) expect(await passes(counters, window, 2)).toBe(0);
    }
    expect(nodes.map((node) => node.backs.map((back) => back.countersBroughtBack))).toEqual([[30], [30]]);
    expect(nodes.map((node) => node.downs)).toEqual([
      ["no answer within 500 ms"],
      ["no answer within 500 ms"],
    ]);
    await Promise.all(nodes.map((node) => node.counters.close()));
  }, 30_000);

  test("thousands of callers that wait when Redis hangs are all answered", async () => {
    const node = await openRedisNode(server.url, { deadlineMs: 100 });
    const window = freshWindow({ limit: 1000 });
    server.signal("SIGSTOP");
    try {
      const hits = await Promise.all(Array.from({ length: 5000 }, async () => node.counters.hit([window])));
      expect(hits.filter(({ passed }) => passed)).toHaveLength(1000);
      expect(node.downs).toHaveLength(1);
    } finally {
      server.signal("SIGCONT");
    }
    await isBack(node);
    await node.counters.close();
  }, 30_000);

  test("an event loop that is held up for longer than the deadline is not taken for a Redis that hangs", async () => {
    const node = await openRedisNode(server.url, { deadlineMs: 25 });
    const window = freshWindow({ limit: 1000 });
    const answers = Array.from({ length: 3 }, async () => node.counters.hit([window]));
    const heldUntil = performance.now() + 200;
    while (performance.now() < heldUntil);
    await Promise.all(answers);
    expect(node.local()).toBe(0);
    await node.counters.close();
  });
});

describe("a refusal from memory", () => {
  const clock: Clock = { nowMs: 1_760_000_000_000 };

  test("comes where nothing was left, without asking Redis, until the first cost stops counting", async () => {
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 2, durationMs: 60_000 });
    await passes(node.counters, window, 2);
    const first = await node.counters.hit([window]);
    const before = await questions();
    for (let call = 0; call < 100; call += 1) {
      const { passed, windows } = await node.counters.hit([window]);
      expect({ passed, windows }).toEqual({ passed: false, windows: first.windows });
      clock.nowMs += 9; // 900 ms of the 1,000 that are duration/60
    }
    expect(await questions()).toBe(before);
    clock.nowMs = (first.windows[0]?.resetAtMs ?? 0) - 1;
    await node.counters.hit([window]);
    clock.nowMs += 1;
    expect(await passes(node.counters, window, 3)).toBe(2);
    await node.counters.close();
  });

  test("ends when this process gives back what it took", async () => {
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 1 });
    const taken = await node.counters.hit([window]);
    expect(await passes(node.counters, window, 2)).toBe(0);
    await node.counters.giveBack(taken);
    expect(await passes(node.counters, window, 2)).toBe(1);
    await node.counters.close();
  });

  test("names the reset and the remaining that Redis would, whatever another node does", async () => {
    const [one, other] = [
      await openRedisNode(server.url, { clock }),
      await openRedisNode(server.url, { clock }),
    ];
    const elsewhere = freshWindow();
    let fromMemory = 0;
    for (let round = 0; round < 100; round += 1) {
      const window = freshWindow({ limit: 5, durationMs: 60_000 });
      for (let step = 0; step < 40; step += 1) {
        await other.counters.hit([{ ...window, cost: 1 + ((round + step) % 3) }]);
        const asked = { ...window, cost: 1 + (round % 4) };
        const before = await questions();
        const { windows } = await one.counters.hit([asked]);
        if ((await questions()) === before) {
          fromMemory += 1;
          // of two windows nothing is known, so Redis is asked
          const hit = await other.counters.hit([asked, { ...elsewhere, cost: 0 }]);
          expect(windows[0]).toEqual(hit.windows[0]);
        }
        clock.nowMs += [0, 1, 40, 0, 20_000, 3, 999][(round + step) % 7] ?? 0;
      }
    }
    expect(fromMemory).toBeGreaterThan(100);
    await Promise.all([one, other].map((node) => node.counters.close()));
  }, 30_000);
});

test("an emptied Redis is noticed", async () => {
  const node = await openRedisNode(server.url);
  await client.send("FLUSHALL", []);
  await until(() => node.losses() === 1);
  await node.counters.close();
}, 30_000);
