import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import type { Clock } from "../../../test/model.ts";
import { freshWindow, isBack, openRedisNode, passes, remaining } from "../../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../../test/redisServer.ts";
import { until } from "../../../test/until.ts";
import { redisKeyOfWindow } from "./keys.ts";

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

/** Returns how many scripts Redis has run since it started. */
async function scriptCalls(): Promise<number> {
  const text = String(await client.send("INFO", ["commandstats"]));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

describe("memory in Redis", () => {
  const keysOf = async (subject: string) => (await client.send("KEYS", [`*${subject}`])) as string[];

  test("an expired counter leaves nothing behind", async () => {
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

  test("a counter takes at most 62 entries of 20 bytes and 12 bytes more, however it is used", async () => {
    const clock: Clock = { nowMs: 1_750_000_000_000 };
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 1_000_000 });
    let longest = 0;
    for (let hit = 0; hit < 400; hit += 1) {
      await node.counters.hit([window]);
      // A cost joins an entry that began at most 1,000 ms ago. The second cost just joins; the third is 1 ms too late.
      clock.nowMs += hit % 2 === 0 ? 1000 : 1;
      const [key = ""] = await keysOf(window.subject);
      longest = Math.max(longest, Number(await client.send("STRLEN", [key])));
    }
    expect(longest).toBeLessThanOrEqual(62 * 20 + 12);
    expect(longest).toBeGreaterThan(60 * 20);
    await node.counters.close();
  });
});

describe("a peek", () => {
  test("writes nothing to Redis, even after Redis' clock was set back", async () => {
    const clock: Clock = { nowMs: 1_750_000_000_000 };
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow();
    await node.counters.hit([window]);
    const keys = async () => ((await client.send("KEYS", ["*fresh*"])) as string[]).sort();
    const [before, stored] = [await keys(), await client.getBuffer(redisKeyOfWindow(window))];
    clock.nowMs -= 5_000;
    const later = { passed: true, limit: 10, used: 1, emptyInMs: 60_000, passesInMs: 0 };
    expect(await node.counters.peek([window, freshWindow()])).toMatchObject([later, { used: 0 }]);
    expect(await client.getBuffer(redisKeyOfWindow(window))).toEqual(stored);
    expect(await keys()).toEqual(before);
    await node.counters.close();
  });

  test("finds what another process counted, and repeats a refusal that this process remembers", async () => {
    const clock: Clock = { nowMs: 1_750_000_000_000 };
    const [one, other] = [
      await openRedisNode(server.url, { clock }),
      await openRedisNode(server.url, { clock }),
    ];
    const window = freshWindow({ limit: 1 });
    const taken = await other.counters.hit([window]);
    expect(await one.counters.peek([window])).toMatchObject([{ passed: false, used: 1 }]);
    expect((await one.counters.hit([window])).passed).toBe(false);
    await other.counters.giveBack(taken);
    expect(await one.counters.peek([window])).toMatchObject([{ passed: false, used: 0 }]);
    expect((await one.counters.hit([window])).passed).toBe(false);
    clock.nowMs += 1_000;
    expect(await one.counters.peek([window])).toMatchObject([{ passed: true }]);
    expect((await one.counters.hit([window])).passed).toBe(true);
    await Promise.all([one.counters.close(), other.counters.close()]);
  });

  test("finds this process's share of the limit while Redis hangs, and does not count as a decision", async () => {
    const node = await openRedisNode(server.url, { nodes: 2, deadlineMs: 100 });
    const window = freshWindow({ limit: 9 });
    server.signal("SIGSTOP");
    try {
      expect(await node.counters.peek([window])).toMatchObject([{ passed: true, limit: 5, used: 0 }]);
      expect(await passes(node.counters, window, 20)).toBe(5);
      expect(await node.counters.peek([window])).toMatchObject([{ passed: false, limit: 5, used: 5 }]);
      expect(node.local()).toBe(20);
    } finally {
      server.signal("SIGCONT");
    }
    await isBack(node);
    expect(await node.counters.peek([window])).toMatchObject([{ passed: true, limit: 9, used: 5 }]);
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

  test("while Redis hangs, each of k nodes grants its share, and its grants count when Redis is back", async () => {
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
    expect(nodes.map((node) => node.downs)).toEqual([["no reply within 500 ms"], ["no reply within 500 ms"]]);
    await Promise.all(nodes.map((node) => node.counters.close()));
  }, 30_000);

  test("thousands of callers that wait when Redis hangs all get a result", async () => {
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

  test("an event loop that is blocked for longer than the deadline is not mistaken for a Redis that hangs", async () => {
    const node = await openRedisNode(server.url, { deadlineMs: 25 });
    const window = freshWindow({ limit: 1000 });
    const hits = Array.from({ length: 3 }, async () => node.counters.hit([window]));
    const heldUntil = performance.now() + 200;
    while (performance.now() < heldUntil);
    await Promise.all(hits);
    expect(node.local()).toBe(0);
    await node.counters.close();
  });
});

test.each([3_600_000, 5 * 365 * 86_400_000])(
  "if the clock of Redis was %p ms ahead and is corrected, nothing is refused for longer than a duration, and nothing is granted twice",
  async (aheadMs) => {
    const clock: Clock = { nowMs: 1_760_000_000_000 };
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 10, cost: 6, durationMs: 60_000 });
    const small = { ...window, cost: 2 };
    clock.nowMs += aheadMs;
    const early = await node.counters.hit([small]);
    clock.nowMs += 30_000;
    expect((await node.counters.hit([window])).passed).toBe(true);
    clock.nowMs -= aheadMs;
    const back = await node.counters.hit([window]);
    expect(back.windows).toEqual([{ passed: false, remaining: 2, resetInMs: 30_000 + 30_000 }]);
    await node.counters.giveBack(early);
    clock.nowMs += 29_999;
    expect(await remaining(node.counters, window)).toBe(2);
    clock.nowMs += 1;
    expect(await remaining(node.counters, window)).toBe(4);
    clock.nowMs += 29_999;
    expect((await node.counters.hit([window])).passed).toBe(false);
    clock.nowMs += 1;
    expect((await node.counters.hit([window])).passed).toBe(true);
    await node.counters.close();
  },
);

describe("a cached refusal", () => {
  const clock: Clock = { nowMs: 1_760_000_000_000 };

  test("is returned without asking Redis, if a counter is exhausted, until its first cost expires", async () => {
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 2, durationMs: 60_000 });
    await passes(node.counters, window, 2);
    const first = await node.counters.hit([window]);
    const before = await scriptCalls();
    for (let call = 0; call < 100; call += 1) {
      const { passed, windows } = await node.counters.hit([window]);
      const resetInMs = (first.windows[0]?.resetInMs ?? 0) - 9 * call;
      expect({ passed, windows }).toEqual({ passed: false, windows: [{ passed, remaining: 0, resetInMs }] });
      clock.nowMs += 9; // 900 ms in all, because a refusal is cached for at most duration/60, which is 1,000 ms
    }
    expect(await scriptCalls()).toBe(before);
    clock.nowMs += (first.windows[0]?.resetInMs ?? 0) - 901;
    await node.counters.hit([window]);
    clock.nowMs += 1;
    expect(await passes(node.counters, window, 3)).toBe(2);
    await node.counters.close();
  });

  test("ends when this process gives back its cost", async () => {
    const node = await openRedisNode(server.url, { clock });
    const window = freshWindow({ limit: 1 });
    const taken = await node.counters.hit([window]);
    expect(await passes(node.counters, window, 2)).toBe(0);
    await node.counters.giveBack(taken);
    expect(await passes(node.counters, window, 2)).toBe(1);
    await node.counters.close();
  });

  test("has the same reset and remaining as Redis, whatever another node does", async () => {
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
        const before = await scriptCalls();
        const { windows } = await one.counters.hit([asked]);
        if ((await scriptCalls()) === before) {
          fromMemory += 1;
          // this hit has two windows, so that Redis decides: refusals of hits with several windows are not cached
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
