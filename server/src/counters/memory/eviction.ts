import type { Window } from "../../domain/windows.ts";
import {
  type Cells,
  type Counter,
  freeCell,
  LIMIT,
  markOf,
  offset,
  setMark,
  sweepCells,
  takeCell,
  viewOf,
} from "./cells.ts";
import { type Changes, isChanged } from "./changes.ts";
import { insertCounter, type KeyIndex, removeCounter } from "./keyIndex.ts";
import { advance, clearLog, type Logs, openLog, runsOutAtMs, usedOf } from "./slidingLog.ts";

/** Everything that the counters of one process are stored in. */
export type Store = {
  readonly cells: Cells;
  readonly logs: Logs;
  readonly index: KeyIndex;
  /** the key of a window */
  readonly keyOf: (window: Window) => string;
  readonly levels: Levels;
  readonly changes: Changes;
  /** the time of the current hit, Unix time in milliseconds */
  nowMs: number;
  /** the counter that is being changed and must not be evicted, or 0 */
  held: Counter;
  /** how many counters have been created */
  created: number;
  /** how many counters were created or evicted; as long as it stays the same, no counter has moved */
  moves: number;
};

/** 16 new counters take 32 cells or more. Checking 128 keeps pace, and one sequential run suits the processor's cache. */
const TIDY_EVERY = 16;
const TIDY_LOOKS = 128;
/** A counter that still counts is evicted only if none of the next 1,024 cells holds one that has run out. */
const RUN_OUT_LOOKS = 1024;
/** The longest search for one of the least filled, about a millisecond. After that, the next counter is evicted, however full it is. */
const LIVE_LOOKS = 32_768;
const BATCH = 32;

/** Creates a counter whose key is not stored yet. Every 16th call evicts what has run out, so that needs no timer. */
export function createCounter(store: Store, key: string, durationMs: number): Counter {
  store.created += 1;
  if (store.created % TIDY_EVERY === 0) {
    forgetWhere(store, TIDY_LOOKS, TIDY_LOOKS, (counter) => hasRunOut(store, counter));
  }
  const counter = takeCell(store.cells) as Counter;
  openLog(store.logs, counter, durationMs);
  insertCounter(store.index, counter, key);
  store.moves += 1;
  return counter;
}

/** Evicts a few counters, those that have run out or else the least filled, and tells `onEvict` how many. */
export function makeRoom(store: Store, onEvict: (count: number, live: boolean) => void): void {
  const runOut = forgetWhere(store, BATCH, RUN_OUT_LOOKS, (counter) => hasRunOut(store, counter));
  if (runOut > 0) {
    onEvict(runOut, false);
    return;
  }
  const lowest = lowestLevel(store.levels);
  const live = forgetWhere(store, BATCH, LIVE_LOOKS, (counter) => levelNow(store, counter) <= lowest);
  onEvict(
    live || forgetWhere(store, BATCH, LIVE_LOOKS, (counter) => levelNow(store, counter) <= EXHAUSTED),
    true,
  );
}

/** Evicts up to `most` counters of those in the next `looks` cells. */
function forgetWhere(store: Store, most: number, looks: number, goes: (counter: Counter) => boolean): number {
  let count = 0;
  sweepCells(store.cells, looks, (counter) => {
    if (counter === store.held || !goes(counter)) return false;
    forget(store, counter);
    count += 1;
    return count === most;
  });
  return count;
}

/** An empty counter whose change is not in the journal yet stays: the journal must record what was given back. */
function hasRunOut({ cells, logs, nowMs }: Store, counter: Counter): boolean {
  if (runsOutAtMs(logs, counter) <= nowMs) return true;
  return usedOf(logs, counter) === 0 && !isChanged(cells, counter);
}

function levelNow({ logs, levels, nowMs }: Store, counter: Counter): number {
  advance(logs, counter, nowMs);
  return noteUsed(levels, counter, usedOf(logs, counter));
}

function forget(store: Store, counter: Counter): void {
  clearLog(store.logs, counter);
  removeCounter(store.index, counter);
  noteGone(store.levels, counter);
  freeCell(store.cells, counter);
  store.moves += 1;
}

/** The level of a counter whose limit is exhausted. Level 0 is no counter, level 1 an empty one. */
const EXHAUSTED = 255;

/** How full counters are: each one's level is the mark of its cell. */
export type Levels = {
  readonly cells: Cells;
  /** how many counters there are of each level */
  readonly counts: Float64Array;
  counters: number;
};

/** Small, yet common enough that a linear scan soon finds a counter this empty. */
const LOWEST_SHARE = 1 / 64;

export function emptyLevels(cells: Cells): Levels {
  return { cells, counts: new Float64Array(EXHAUSTED + 1), counters: 0 };
}

/** Records how much of which limit is used. */
export function noteFill(levels: Levels, counter: Counter, used: number, limit: number): void {
  viewOf(levels.cells, counter).setFloat32(offset(counter) + LIMIT, limit, true);
  noteUsed(levels, counter, used);
}

/** Records how much of the last recorded limit is used, and returns the level. */
export function noteUsed(levels: Levels, counter: Counter, used: number): number {
  const level = levelOf(used, viewOf(levels.cells, counter).getFloat32(offset(counter) + LIMIT, true));
  setLevel(levels, counter, level);
  return level;
}

/** Notes that the counter is gone. */
function noteGone(levels: Levels, counter: Counter): void {
  setLevel(levels, counter, 0);
}

/** The highest level that counts as least filled. Exhausted counters count as such only if there are no others. */
function lowestLevel({ counts, counters }: Levels): number {
  let sum = 0;
  let lowest = EXHAUSTED;
  for (let level = 1; level < EXHAUSTED; level += 1) {
    if ((counts[level] ?? 0) > 0) lowest = level;
    sum += counts[level] ?? 0;
    if (sum > counters * LOWEST_SHARE) break;
  }
  return lowest;
}

/** The limit is stored with 24 bits, so a counter that is less than a millionth below it counts as exhausted. */
function levelOf(used: number, limit: number): number {
  if (used === 0) return 1;
  return 1 + Math.floor(Math.min(1, used / limit + 1e-6) * (EXHAUSTED - 1));
}

function setLevel(levels: Levels, counter: Counter, level: number): void {
  const before = markOf(levels.cells, counter);
  if (before === level) return;
  setMark(levels.cells, counter, level);
  levels.counts[before] = (levels.counts[before] ?? 0) - 1;
  levels.counts[level] = (levels.counts[level] ?? 0) + 1;
  if (before === 0) levels.counters += 1;
  if (level === 0) levels.counters -= 1;
}
