import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { type Services, startServices } from "../../test/services.ts";
import { until } from "../../test/until.ts";
import type { Counters, Window } from "./counters.ts";
import { allOrNone, base, type Clock, firstViolation, neverAboveTheLimit, soonEnough } from "./model.ts";
import { redisCounters } from "./redis.ts";

let services: Services;
let url = "";
let pid = 0;
beforeAll(async () => {
  services = await startServices("redis");
  url = services.environment["TEST_REDIS_URL"] ?? "";
  pid = Number(services.environment["TEST_REDIS_PID"]);
});
afterAll(() => services.stop());

type Node = { counters: Counters; local: () => number; losses: () => number };

let ids = 0;

/** A process's counters; with a clock, time stands still but for it. */
async function openNode(options: { clock?: Clock; nodes?: number } = {}): Promise<Node> {
  const { clock, nodes = 1 } = options;
  let local = 0;
  let losses = 0;
  const counters = await redisCounters({
    url,
    // this machine may be busy: only what is told to hang is to be found hanging
    deadlineMs: 500,
    monotonicMs: () => clock?.nowMs ?? Math.floor(performance.timeOrigin + performance.now()),
    liveNodes: () => nodes,
    maxLocalBytes: 16 * 2 ** 20,
    newId: () => {
      ids += 1;
      return `id${ids}`;
    },
    onLoss: () => {
      losses += 1;
    },
    onLocalDecision: () => {
      local += 1;
    },
    onDown: (r) => console.log("down", r),
    onBack: (o) => console.log("back", o),
    ...(clock === undefined ? {} : { redisNowMs: () => clock.nowMs }),
  });
  return { counters, local: () => local, losses: () => losses };
}

let subjects = 0;
function fresh(change: Partial<Window> = {}): Window {
  subjects += 1;
  return { ...base, subject: `redis${subjects}`, durationMs: 60_000, limit: 10, cost: 1, ...change };
}

async function admitted(counters: Counters, window: Window, calls: number): Promise<number> {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) if ((await counters.hit([window])).passed) passed += 1;
  return passed;
}

const stop = (signal: "SIGSTOP" | "SIGCONT") => process.kill(pid, signal);

describe("counters in Redis, by a clock of their own", () => {
  const clock: Clock = { nowMs: 1_750_000_000_000 };
  let node: Node;
  beforeAll(async () => {
    node = await openNode({ clock });
  });
  afterAll(() => node.counters.close());

  test("no window ever holds more than the limit in force, in random histories", async () => {
    const some = { from: 1, to: 2_000 };
    expect(await firstViolation(node.counters, clock, some, neverAboveTheLimit)).toBeUndefined();
    const dense = { from: 200_001, to: 200_010, steps: 400, dense: true };
    expect(await firstViolation(node.counters, clock, dense, neverAboveTheLimit)).toBeUndefined();
    expect(node.local()).toBe(0);
  }, 60_000);

  test("nothing is refused, and no reset is later, than an exact log does duration/60 later", async () => {
    const some = { from: 300_001, to: 301_000 };
    expect(await firstViolation(node.counters, clock, some, soonEnough)).toBeUndefined();
  }, 60_000);

  test("a call is passed exactly when each of its windows is, and then takes from all of them", async () => {
    const some = { from: 500_001, to: 501_000 };
    expect(await firstViolation(node.counters, clock, some, allOrNone)).toBeUndefined();
  }, 60_000);

  test("a hit is given back once, however often that is asked", async () => {
    const window = fresh({ limit: 3 });
    const hit = await node.counters.hit([window]);
    await node.counters.hit([window]);
    await node.counters.giveBack(hit);
    await node.counters.giveBack(hit);
    expect((await node.counters.hit([{ ...window, cost: 0 }])).windows[0]?.remaining).toBe(2);
  });

  test("a counter that has run out leaves nothing behind in Redis", async () => {
    const window = fresh({ durationMs: 1000 });
    await node.counters.hit([window]);
    const client = new RedisClient(url);
    const keys = (await client.send("KEYS", [`*${window.subject}`])) as string[];
    expect(keys).toHaveLength(1);
    expect(Number(await client.send("PTTL", [keys[0] ?? ""]))).toBeLessThanOrEqual(1000);
    client.close();
  });
});

describe("counters in Redis, shared by nodes", () => {
  test("three nodes with 64 callers grant exactly the limit together", async () => {
    const nodes = [await openNode(), await openNode(), await openNode()];
    const window = fresh({ limit: 500 });
    const callers = Array.from({ length: 64 }, (_, index) =>
      admitted((nodes[index % 3] as Node).counters, window, 20),
    );
    const total = (await Promise.all(callers)).reduce((sum, one) => sum + one, 0);
    expect(nodes.map((node) => node.local())).toEqual([0, 0, 0]);
    expect(total).toBe(500);
    await Promise.all(nodes.map((node) => node.counters.close()));
  }, 30_000);

  test("while Redis hangs each of k nodes grants its share, and what it granted counts when Redis is back", async () => {
    const nodes = [await openNode({ nodes: 2 }), await openNode({ nodes: 2 })] as const;
    const window = fresh({ limit: 9 });
    expect(await admitted(nodes[0].counters, window, 1)).toBe(1);
    await nodes[1].counters.hit([{ ...window, cost: 0 }]);
    stop("SIGSTOP");
    try {
      expect(await admitted(nodes[0].counters, window, 20)).toBe(5);
      expect(await admitted(nodes[1].counters, window, 20)).toBe(5);
    } finally {
      stop("SIGCONT");
    }
    for (const node of nodes) {
      await until(async () => {
        const before = node.local();
        await node.counters.hit([{ ...window, cost: 0 }]);
        return node.local() === before;
      });
    }
    expect(await admitted(nodes[0].counters, window, 5)).toBe(0);
    expect(await admitted(nodes[1].counters, window, 5)).toBe(0);
    await Promise.all(nodes.map((node) => node.counters.close()));
  }, 30_000);

  test("an emptied Redis is noticed", async () => {
    const node = await openNode();
    const client = new RedisClient(url);
    await until(async () => (await client.send("GET", ["latchkey:marker"])) !== null);
    await Bun.sleep(1_200); // the node has read the marker by then: it looks every second
    await client.send("FLUSHALL", []);
    await until(async () => node.losses() === 1);
    client.close();
    await node.counters.close();
  }, 30_000);
});
