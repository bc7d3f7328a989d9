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

/** All counters of one process. */
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
  /** the counter that is being changed and must not be evicted; 0: none */
  held: Counter;
  /** how many counters have been created */
  created: number;
  /** how many times a counter was created or evicted; while it stays the same, the cell of each counter does too */
  moves: number;
};

/**
 * After every 16 new counters, which take at least 32 cells, the next 128 cells are checked for counters that have run
 * out. So cells are freed as fast as they are used, and reading them in sequence suits the processor's cache.
 */
const TIDY_EVERY = 16;
const TIDY_CELLS = 128;
/** A counter that still counts is evicted only if none of the next 1,024 cells has a counter that has run out. */
const RUN_OUT_CELLS = 1024;
/**
 * The cells that are searched for one of the least filled counters, which takes about a millisecond. If there is
 * none, the next counter is evicted, however full it is.
 */
const LIVE_CELLS = 32_768;
/** the maximum number of counters that are evicted at once */
const BATCH = 32;

/**
 * Creates a counter; its key must not be in the index. Every 16th call evicts counters that have
 * run out, so no timer is needed.
 */
export function createCounter(store: Store, key: string, durationMs: number): Counter {
  store.created += 1;
  if (store.created % TIDY_EVERY === 0) {
    forgetWhere(store, TIDY_CELLS, TIDY_CELLS, (counter) => hasRunOut(store, counter));
  }
  const counter = takeCell(store.cells) as Counter;
  openLog(store.logs, counter, durationMs);
  insertCounter(store.index, counter, key);
  store.moves += 1;
  return counter;
}

/**
 * Evicts a few counters: those that have run out, or the least filled if none has. Calls `onEvict` with their number.
 */
export function makeRoom(store: Store, onEvict: (count: number, live: boolean) => void): void {
  const runOut = forgetWhere(store, BATCH, RUN_OUT_CELLS, (counter) => hasRunOut(store, counter));
  if (runOut > 0) {
    onEvict(runOut, false);
    return;
  }
  const lowest = lowestLevel(store.levels);
  const live = forgetWhere(store, BATCH, LIVE_CELLS, (counter) => levelNow(store, counter) <= lowest);
  onEvict(
    live || forgetWhere(store, BATCH, LIVE_CELLS, (counter) => levelNow(store, counter) <= EXHAUSTED),
    true,
  );
}

/** Evicts up to `most` counters in the next `cells` cells, those for which `goes` returns true. Returns how many. */
function forgetWhere(store: Store, most: number, cells: number, goes: (counter: Counter) => boolean): number {
  let count = 0;
  sweepCells(store.cells, cells, (counter) => {
    if (counter === store.held || !goes(counter)) return false;
    forget(store, counter);
    count += 1;
    return count === most;
  });
  return count;
}

/**
 * Whether a counter counts nothing any more. A counter that is empty because its cost was given back stays until
 * the journal has recorded that.
 */
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

/**
 * The level of a counter whose limit is exhausted. Level 1 is an empty counter. A cell with level 0 is not a counter.
 */
const EXHAUSTED = 255;

/** A level says how full a counter is, from 1 to 255. It is stored as the mark of the counter's cell. */
export type Levels = {
  readonly cells: Cells;
  /** how many counters there are of each level */
  readonly counts: Float64Array;
  counters: number;
};

/** The part of the counters that counts as least filled: so large that a linear search soon finds one of them. */
const LOWEST_SHARE = 1 / 64;

export function emptyLevels(cells: Cells): Levels {
  return { cells, counts: new Float64Array(EXHAUSTED + 1), counters: 0 };
}

/** Stores the limit of a counter, and its level by how much of the limit is used. */
export function noteFill(levels: Levels, counter: Counter, used: number, limit: number): void {
  viewOf(levels.cells, counter).setFloat32(offset(counter) + LIMIT, limit, true);
  noteUsed(levels, counter, used);
}

/** Stores the level of a counter by how much of its last limit is used, and returns the level. */
export function noteUsed(levels: Levels, counter: Counter, used: number): number {
  const level = levelOf(used, viewOf(levels.cells, counter).getFloat32(offset(counter) + LIMIT, true));
  setLevel(levels, counter, level);
  return level;
}

/** Removes the counter's level, since the counter was evicted. */
function noteGone(levels: Levels, counter: Counter): void {
  setLevel(levels, counter, 0);
}

/** Returns the highest level that counts as least filled. It is `EXHAUSTED` only if all counters are. */
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

/**
 * Returns the level of a counter, which is higher the more of its limit is used. The limit is stored with 24 bits, so a
 * counter less than a millionth below its limit counts as exhausted.
 */
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
