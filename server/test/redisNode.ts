import type { Counters } from "../src/counters/counters.ts";
import { type Outage, type RedisCounters, redisCounters } from "../src/counters/redis/redis.ts";
import type { Window } from "../src/domain/windows.ts";
import { base, type Clock } from "./model.ts";
import { until } from "./until.ts";

/** The counters of one process in Redis, and what they have reported. */
export type RedisNode = {
  counters: RedisCounters;
  local(): number;
  losses(): number;
  downs: string[];
  backs: Outage[];
};

let ids = 0;

/** Opens the counters of a process in the Redis at `url`. With a `clock`, time passes only when the test moves it. */
export async function openRedisNode(
  url: string,
  { clock, nodes = 1, deadlineMs = 500 }: { clock?: Clock; nodes?: number; deadlineMs?: number } = {},
): Promise<RedisNode> {
  const count = { local: 0, losses: 0 };
  const downs: string[] = [];
  const backs: Outage[] = [];
  const counters = await redisCounters({
    url,
    // long, because this machine may be busy: Redis must count as hung only if a test has paused it
    deadlineMs,
    monotonicMs: () => clock?.nowMs ?? Math.floor(performance.timeOrigin + performance.now()),
    liveNodes: () => nodes,
    maxLocalBytes: 16 * 2 ** 20,
    newId: () => {
      ids += 1;
      return `id${ids}`;
    },
    onLoss: () => {
      count.losses += 1;
    },
    onLocalDecision: () => {
      count.local += 1;
    },
    onDown: (reason) => downs.push(reason),
    onBack: (outage) => backs.push(outage),
    ...(clock === undefined ? {} : { redisNowMs: () => clock.nowMs }),
  });
  return { counters, local: () => count.local, losses: () => count.losses, downs, backs };
}

let subjects = 0;

/** Returns a window whose counter no other test uses. Default: 10 calls in a minute. */
export function freshWindow(change: Partial<Window> = {}): Window {
  subjects += 1;
  return { ...base, subject: `fresh${subjects}`, durationMs: 60_000, limit: 10, cost: 1, ...change };
}

/** Sends `calls` calls one after the other, and returns how many pass. */
export async function passes(counters: Counters, window: Window, calls: number): Promise<number> {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) if ((await counters.hit([window])).passed) passed += 1;
  return passed;
}

export const remaining = async (counters: Counters, window: Window) =>
  (await counters.hit([{ ...window, cost: 0 }])).windows[0]?.remaining;

/** Resolves when the node uses Redis again, and has reported how many decisions it made without Redis. */
export const isBack = (node: RedisNode) => until(() => node.counters.isUp() && node.backs.length > 0);
