import { afterAll, beforeAll } from "bun:test";
import type { Counters, Hit } from "../src/counters/counters.ts";
import { memoryCounters } from "../src/counters/memory/memory.ts";
import { redisCounters } from "../src/counters/redis/redis.ts";
import type { Window } from "../src/domain/windows.ts";
import { base, type Clock } from "./model.ts";
import { startServices } from "./services.ts";

type Backend = { name: string; part: number; open: (clock: Clock) => Counters | Promise<Counters> };

/**
 * The backends of counters. `clock` is the time that the backend sees. Some tests play random histories, which are
 * sequences of hits from `model.ts`. `part` is the share of these histories that a backend plays: slower backends play
 * fewer.
 */
export const backends: Backend[] = [
  {
    name: "memory",
    part: 1,
    open: (clock) => memoryCounters({ nowMs: () => clock.nowMs, maxBytes: 256 * 2 ** 20 }),
  },
  { name: "Redis", part: 1 / 50, open: inRedis },
  { name: "memory while Redis is unreachable", part: 1 / 10, open: withoutRedis },
];

/**
 * Opens counters of this backend for the tests of the `describe` block that calls this. Returns them with a clock that
 * only the test moves, and short forms of their calls.
 */
export function testCounters({ open, part }: Backend) {
  const clock: Clock = { nowMs: 1_750_000_000_000 };
  const counters = {} as Counters;
  beforeAll(async () => {
    Object.assign(counters, await open(clock));
  });
  afterAll(() => counters.close());
  let subjects = 0;
  return {
    clock,
    counters,
    part,
    /**
     * Returns the seeds of the histories that this backend plays: the first `part` of `count` seeds, starting
     * at `from`.
     */
    histories: (from: number, count: number) => ({ from, to: from - 1 + Math.ceil(count * part) }),
    /** Returns a window whose counter nothing has used. */
    fresh(change: Partial<Window> = {}): Window {
      subjects += 1;
      return { ...base, subject: `fresh${subjects}`, ...change };
    },
    hit: async (...windows: Window[]): Promise<Hit> => counters.hit(windows),
    passes: async (...windows: Window[]): Promise<boolean> => (await counters.hit(windows)).passed,
    /** Reads the state of a window by a hit with a cost of 0, which changes nothing. */
    look: async (window: Window) => (await counters.hit([{ ...window, cost: 0 }])).windows[0],
  };
}

/** Opens counters in Redis. If they ever decide without Redis, they throw, so the test fails. */
async function inRedis(clock: Clock): Promise<Counters> {
  const redis = await startServices("redis");
  const elsewhere = (): never => {
    throw new Error("decided without Redis");
  };
  const counters = await redisCounters({
    url: redis.environment["TEST_REDIS_URL"] ?? "",
    deadlineMs: 10_000,
    monotonicMs: () => clock.nowMs,
    redisNowMs: () => clock.nowMs,
    liveNodes: () => 1,
    maxLocalBytes: 2 ** 20,
    newId: () => "test",
    onLoss: elsewhere,
    onLocalDecision: elsewhere,
    onDown: elsewhere,
    onBack: elsewhere,
  });
  return {
    ...counters,
    async close() {
      await counters.close();
      await redis.stop();
    },
  };
}

/** Opens counters whose Redis is down, so that this process decides alone. */
async function withoutRedis(clock: Clock): Promise<Counters> {
  return redisCounters({
    url: "redis://127.0.0.1:1",
    deadlineMs: 25,
    monotonicMs: () => clock.nowMs,
    liveNodes: () => 1,
    maxLocalBytes: 256 * 2 ** 20,
    newId: () => "test",
    onLoss: () => {},
    onLocalDecision: () => {},
    onDown: () => {},
    onBack: () => {},
  });
}
