import type { Counters } from "../src/counters/counters.ts";
import { type Outage, type RedisCounters, redisCounters } from "../src/counters/redis/redis.ts";
import type { Window } from "../src/domain/windows.ts";
import { base, type Clock } from "./model.ts";
import { until } from "./until.ts";

/** A process's counters in Redis, and what they reported. */
export type RedisNode = {
  counters: RedisCounters;
  local(): number;
  losses(): number;
  downs: string[];
  backs: Outage[];
};

let ids = 0;

/** With a clock, only the clock moves time. */
export async function openRedisNode(
  url: string,
  { clock, nodes = 1, deadlineMs = 500 }: { clock?: Clock; nodes?: number; deadlineMs?: number } = {},
): Promise<RedisNode> {
  const count = { local: 0, losses: 0 };
  const downs: string[] = [];
  const backs: Outage[] = [];
  const counters = await redisCounters({
    url,
    // generous, since this machine may be busy and only a Redis that a test pauses may count as hung
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

/** A window of an unused counter. Default: 10 a minute. */
export function freshWindow(change: Partial<Window> = {}): Window {
  subjects += 1;
  return { ...base, subject: `fresh${subjects}`, durationMs: 60_000, limit: 10, cost: 1, ...change };
}

/** How many of `calls` calls in sequence pass. */
export async function passes(counters: Counters, window: Window, calls: number): Promise<number> {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) if ((await counters.hit([window])).passed) passed += 1;
  return passed;
}

export const remaining = async (counters: Counters, window: Window) =>
  (await counters.hit([{ ...window, cost: 0 }])).windows[0]?.remaining;

/** Resolves when the node uses Redis again and has reported what it decided without it. */
export const isBack = (node: RedisNode) => until(() => node.counters.isUp() && node.backs.length > 0);
