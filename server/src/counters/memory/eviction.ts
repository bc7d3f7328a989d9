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
  /** Returns the key of a window's counter. */
  readonly keyOf: (window: Window) => string;
  readonly levels: Levels;
  readonly changes: Changes;
  /** the time of the current hit, Unix time in milliseconds */
  nowMs: number;
  /** the counter that is being changed and must not be evicted; 0: none */
  held: Counter;
  /** how many counters have been created */
  created: number;
  /** how often a counter was created or evicted; while this number stays the same, counters stay in their cells */
  moves: number;
};

/**
 * After every 16 new counters, the next 128 cells are checked for counters that have run out, that is, no longer count
 * anything. 16 new counters usually take 32 to 64 cells, so the checks pass over all cells faster than new counters
 * fill them.
 */
const TIDY_EVERY = 16;
const TIDY_CELLS = 128;
/** When no memory is left, counters that have run out are evicted first. The next 1,024 cells are searched for them. */
const RUN_OUT_CELLS = 1024;
/**
 * If no counter in these cells has run out, the next 32,768 cells are searched for the least filled counters. This
 * takes about a millisecond. If the search finds no counter, the next counters are evicted, however full they are.
 */
const LIVE_CELLS = 32_768;
/** the maximum number of counters that are evicted at once */
const BATCH = 32;

/**
 * Creates a counter. The caller has checked that no counter has this key. Every 16th call also evicts counters that
 * have run out, so that no timer has to do it.
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
 * Evicts up to 32 counters: counters that have run out, or if the search finds none, the least filled counters. Then
 * calls `onEvict` with the number of evicted counters and with `live`: whether they still counted something.
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

/**
 * Searches the next `cells` cells for counters for which `isDue` returns true. Evicts up to `most` of these counters,
 * and returns how many.
 */
function forgetWhere(
  store: Store,
  most: number,
  cells: number,
  isDue: (counter: Counter) => boolean,
): number {
  let count = 0;
  sweepCells(store.cells, cells, (counter) => {
    if (counter === store.held || !isDue(counter)) return false;
    forget(store, counter);
    count += 1;
    return count === most;
  });
  return count;
}

/**
 * Returns whether a counter no longer counts anything and may be evicted. If its costs were given back before they ran
 * out, the result is false until the journal has recorded that they were given back. Otherwise a restart would restore
 * the costs of the evicted counter.
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
  noteEvicted(store.levels, counter);
  freeCell(store.cells, counter);
  store.moves += 1;
}

/**
 * The level of a counter whose limit is used up. An empty counter has level 1. A cell without a counter has level 0.
 */
const EXHAUSTED = 255;

/** A level says how full a counter is: 1 (empty) to 255 (exhausted). It is stored as the mark of the counter's cell. */
export type Levels = {
  readonly cells: Cells;
  /** how many counters there are of each level */
  readonly counts: Float64Array;
  counters: number;
};

/** The share of all counters that is treated as the least filled. It is so large that a search soon finds some. */
const LOWEST_SHARE = 1 / 64;

export function emptyLevels(cells: Cells): Levels {
  return { cells, counts: new Float64Array(EXHAUSTED + 1), counters: 0 };
}

/** Stores the limit of a counter's latest request, and the level that follows from `used`. */
export function noteFill(levels: Levels, counter: Counter, used: number, limit: number): void {
  viewOf(levels.cells, counter).setFloat32(offset(counter) + LIMIT, limit, true);
  noteUsed(levels, counter, used);
}

/** Stores the level that follows from `used` and the limit of the counter's latest request, and returns the level. */
export function noteUsed(levels: Levels, counter: Counter, used: number): number {
  const level = levelOf(used, viewOf(levels.cells, counter).getFloat32(offset(counter) + LIMIT, true));
  setLevel(levels, counter, level);
  return level;
}

/** Removes the level of a counter that is evicted. */
function noteEvicted(levels: Levels, counter: Counter): void {
  setLevel(levels, counter, 0);
}

/** Returns the highest level of the counters treated as the least filled: `EXHAUSTED` only if all are exhausted. */
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
 * Returns the level of a counter: the more of its limit is used, the higher. The limit is stored with only 24 bits, so
 * a counter that is less than a millionth below its limit counts as exhausted.
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
