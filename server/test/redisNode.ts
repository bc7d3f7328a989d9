import type { Counters, Window } from "../src/counters/counters.ts";
import { base, type Clock } from "../src/counters/model.ts";
import { type Outage, type RedisCounters, redisCounters } from "../src/counters/redis.ts";
import { until } from "./until.ts";

/** A process's counters in Redis, and what it told of them. */
export type RedisNode = {
  counters: RedisCounters;
  local(): number;
  losses(): number;
  downs: string[];
  backs: Outage[];
};

let ids = 0;

/** With a clock, time stands still but for it. */
export async function openRedisNode(
  url: string,
  { clock, nodes = 1, deadlineMs = 500 }: { clock?: Clock; nodes?: number; deadlineMs?: number } = {},
): Promise<RedisNode> {
  const count = { local: 0, losses: 0 };
  const downs: string[] = [];
  const backs: Outage[] = [];
  const counters = await redisCounters({
    url,
    // this machine may be busy: only what is told to hang is to be found hanging
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

/** A window of a counter that nothing has used, 10 a minute. */
export function freshWindow(change: Partial<Window> = {}): Window {
  subjects += 1;
  return { ...base, subject: `fresh${subjects}`, durationMs: 60_000, limit: 10, cost: 1, ...change };
}

/** How many of so many calls, one after the other, pass. */
export async function passes(counters: Counters, window: Window, calls: number): Promise<number> {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) if ((await counters.hit([window])).passed) passed += 1;
  return passed;
}

export const remaining = async (counters: Counters, window: Window) =>
  (await counters.hit([{ ...window, cost: 0 }])).windows[0]?.remaining;

/** Resolves when the node asks Redis again and has told how it was without it. */
export const isBack = (node: RedisNode) => until(() => node.counters.isUp() && node.backs.length > 0);
