import { type Counters, counterKey, type Hit } from "../src/counters/counters.ts";
import type { Window } from "../src/domain/windows.ts";

// Random histories of hits. They compare the counters with an exact log, which has every admitted cost with its time.

export type Clock = { nowMs: number };

type Admitted = { key: string; atMs: number; cost: number };

/** A step of a history: the latest hit, and what was admitted before it and not given back. */
type Step = { nowMs: number; windows: readonly Window[]; hit: Hit; admitted: readonly Admitted[] };

type Rule = (step: Step) => boolean;

type History = {
  /** the number of hits. Default: a small random number */
  steps?: number;
  /** whether time advances in such steps that the counter's log gets as many entries as it can have */
  dense?: boolean;
};

export const base: Window = {
  space: "namespace",
  workspaceId: "ws_1",
  subject: "",
  name: "default",
  durationMs: 10_000,
  limit: 10,
  cost: 1,
};

/** A hit passes only if its cost and everything admitted in (now - duration, now] are together within its limit. */
export const neverAboveTheLimit: Rule = (step) =>
  !step.hit.passed || step.windows.every((_, place) => hasRoom(step, place, step.nowMs, 0));

/**
 * A hit passes as soon as an exact log has room, or at most duration/60 later. A full window says that it resets in the
 * same interval.
 */
export const soonEnough: Rule = (step) => {
  const hadRoom = step.windows.every((window, place) => hasRoom(step, place, step.nowMs, slackMs(window)));
  if (hadRoom && !step.hit.passed) return false;
  return step.windows.every((window, place) => {
    const state = step.hit.windows[place];
    if (state === undefined || !Number.isInteger(state.resetInMs)) return false;
    const { passed, resetInMs } = state;
    if (resetInMs < 0 || resetInMs > window.durationMs) return false;
    if (passed) return true;
    if (window.cost + siblings(step, place) > window.limit) return resetInMs === window.durationMs;
    const resetAtMs = step.nowMs + resetInMs;
    return hasRoom(step, place, resetAtMs, 0) && !hasRoom(step, place, resetAtMs - 1, slackMs(window));
  });
};

/**
 * A hit passes if all of its windows do, and only then. The `remaining` of a window is at most that of an exact log,
 * and at least that of a log in which costs count for duration/60 longer.
 */
export const allOrNone: Rule = (step) => {
  if (step.hit.passed !== step.hit.windows.every((state) => state.passed)) return false;
  return step.windows.every((window, place) => {
    const taken = step.hit.passed ? costsOf(step.windows, window) : 0;
    const remaining = (lateMs: number): number =>
      Math.max(0, window.limit - usedAt(step, window, step.nowMs, lateMs) - taken);
    const state = step.hit.windows[place]?.remaining ?? -1;
    return state >= remaining(slackMs(window)) && state <= remaining(0);
  });
};

/** Returns the first history and step that break the rule, or `undefined`. */
export async function firstViolation(
  counters: Counters,
  clock: Clock,
  seeds: { from: number; to: number } & History,
  rule: Rule,
): Promise<string | undefined> {
  for (let seed = seeds.from; seed <= seeds.to; seed += 1) {
    const violation = await play(counters, clock, seed, { ...seeds, rule });
    if (violation !== undefined) return violation;
  }
  return undefined;
}

/**
 * Plays the history that follows from the seed. Returns the first step that breaks the rule. If none does, calls
 * `atEnd` with each window of the history.
 */
export async function play(
  counters: Counters,
  clock: Clock,
  seed: number,
  { steps, dense = false, rule = () => true }: History & { rule?: Rule },
  atEnd: (window: Window) => Promise<void> = async () => {},
): Promise<string | undefined> {
  const random = randomOf(seed);
  const pool = Array.from({ length: dense ? 1 : 1 + random(3) }, () => randomWindow(seed, random, dense));
  const past: Past = { admitted: [], hits: [] };
  const pauseMs = dense ? denseMs : sparseMs;
  for (let left = steps ?? 3 + random(10); left > 0; left -= 1) {
    clock.nowMs += pauseMs(pool, random);
    if (random(5) === 0) await giveBackOne(counters, past, random);
    const windows = randomHits(pool, random);
    const step = { nowMs: clock.nowMs, windows, hit: await counters.hit(windows), admitted: past.admitted };
    if (!rule(step)) return `history ${seed}: ${JSON.stringify(step)}`;
    remember(past, step);
  }
  for (const window of pool) await atEnd(window);
  return undefined;
}

type Past = { admitted: Admitted[]; hits: { hit: Hit; took: Admitted[] }[] };

function remember(past: Past, { nowMs, windows, hit }: Step): void {
  if (!hit.passed) return;
  const took = windows.map((window) => ({ key: counterKey(window), atMs: nowMs, cost: window.cost }));
  past.admitted = [...past.admitted, ...took];
  past.hits.push({ hit, took });
}

/** Gives back the last hit or a random hit, which may have been given back before. */
async function giveBackOne(counters: Counters, past: Past, random: (n: number) => number): Promise<void> {
  const given = past.hits[random(3) > 0 ? past.hits.length - 1 : random(past.hits.length + 1)];
  if (given === undefined) return;
  await counters.giveBack(given.hit);
  past.admitted = past.admitted.filter((one) => !given.took.includes(one));
}

function slackMs({ durationMs }: Window): number {
  return Math.max(1, Math.floor(durationMs / 60));
}

/** Returns how much of a window's limit is used if every cost counts for `lateMs` longer than the window's duration. */
function usedAt({ admitted }: Step, window: Window, atMs: number, lateMs: number): number {
  const key = counterKey(window);
  let used = 0;
  for (const one of admitted) {
    if (one.key === key && one.atMs > atMs - window.durationMs - lateMs) used += one.cost;
  }
  return used;
}

/**
 * Returns the sum of the costs of the windows that come before this window in the hit, have passed, and count in the
 * same counter.
 */
function siblings({ windows, hit }: Step, place: number): number {
  return costsOf(
    windows.filter((_, i) => i < place && hit.windows[i]?.passed),
    windows[place],
  );
}

function costsOf(windows: readonly Window[], window: Window | undefined): number {
  const key = window && counterKey(window);
  return windows.reduce((sum, one) => (counterKey(one) === key ? sum + one.cost : sum), 0);
}

function hasRoom(step: Step, place: number, atMs: number, lateMs: number): boolean {
  const window = step.windows[place] ?? base;
  return usedAt(step, window, atMs, lateMs) + siblings(step, place) + window.cost <= window.limit;
}

/** Returns a function that returns random whole numbers below n. A seed always gives the same sequence (mulberry32). */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const durationsMs = [1000, 1019, 1020, 10_000, 59_999, 60_000, 3_600_000, 2_592_000_000];
const limits = [1, 2, 3, 5, 10, 100];

function randomWindow(seed: number, random: (n: number) => number, dense: boolean): Window {
  const durationMs = durationsMs[random(durationsMs.length)] ?? 1000;
  const limit = dense ? 200 : (limits[random(limits.length)] ?? 1);
  return { ...base, subject: `history${seed}`, name: `n${random(2)}`, durationMs, limit };
}

function randomHits(pool: readonly Window[], random: (n: number) => number): Window[] {
  const length = random(4) === 0 ? 2 + random(2) : 1;
  return Array.from({ length }, () => randomHit(pool, random));
}

function randomHit(pool: readonly Window[], random: (n: number) => number): Window {
  const window = pool[random(pool.length)] ?? base;
  const limit = random(6) === 0 ? random(2 * window.limit + 1) : window.limit;
  const cost = random(4) === 0 ? random(Math.min(window.limit, 20) + 3) : 1;
  return { ...window, limit, cost };
}

/**
 * Returns by how many milliseconds time advances: often by 0, and often to about the moment when an entry of the
 * counter's log takes no more costs, or when the costs of the entry stop counting.
 */
function sparseMs(pool: readonly Window[], random: (n: number) => number): number {
  const window = pool[random(pool.length)] ?? base;
  const around = (ms: number): number => Math.max(0, ms - 1 + random(3));
  const choices = [
    () => 0,
    () => 1,
    () => random(slackMs(window) + 2),
    () => around(slackMs(window)),
    () => random(window.durationMs),
    () => around(window.durationMs / 2),
    () => around(window.durationMs - slackMs(window)),
    () => around(window.durationMs),
  ];
  return Math.floor(choices[random(choices.length)]?.() ?? 0);
}

function denseMs(pool: readonly Window[], random: (n: number) => number): number {
  const window = pool[0] ?? base;
  if (random(100) === 0) return random(window.durationMs);
  return random(3) === 0 ? random(3) : slackMs(window) + random(2);
}
