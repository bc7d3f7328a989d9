import { type Cells, freeCell, sweepCells, takeCell } from "./cells.ts";
import { type Changes, isChanged } from "./changes.ts";
import { EXHAUSTED, type Levels, lowestLevel, noteGone, noteUsed } from "./fill.ts";
import { insertCounter, type KeyIndex, removeCounter } from "./keyIndex.ts";
import { advance, clearLog, type Logs, openLog, runsOutAtMs, usedOf } from "./slidingLog.ts";

/** Where counters live, and what is needed to forget one. */
export type Store = {
  readonly cells: Cells;
  readonly logs: Logs;
  readonly index: KeyIndex;
  readonly levels: Levels;
  readonly changes: Changes;
  /** the time of the hit that is going on, ms since the epoch */
  nowMs: number;
  /** the counter that is being changed and must not be forgotten, or 0 */
  held: number;
  /** how many counters were made */
  created: number;
  /** how many counters have come or gone; while this stays, every counter is where it was found */
  moves: number;
};

/** A new counter takes two cells or more: four times as many looks keep pace, in one go as memory likes it. */
const TIDY_EVERY = 16;
const TIDY_LOOKS = 128;
/** A live counter goes only when these many cells after the one forgotten last hold none that has run out. */
const RUN_OUT_LOOKS = 1024;
/** The longest search for the least filled, about a millisecond; then the next one goes, however full. */
const LIVE_LOOKS = 32_768;
const BATCH = 32;

/** Makes a counter whose key is not there yet. Now and then it forgets what has run out: that needs no timers. */
export function createCounter(store: Store, key: string, durationMs: number): number {
  store.created += 1;
  if (store.created % TIDY_EVERY === 0) {
    forgetWhere(store, TIDY_LOOKS, TIDY_LOOKS, (counter) => hasRunOut(store, counter));
  }
  const counter = takeCell(store.cells);
  openLog(store.logs, counter, durationMs);
  insertCounter(store.index, counter, key);
  store.moves += 1;
  return counter;
}

/** Forgets a few counters, those that have run out or else the least filled, and says how many to `onEvict`. */
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

/** Forgets up to `most` counters of those in the next `looks` cells. */
function forgetWhere(store: Store, most: number, looks: number, goes: (counter: number) => boolean): number {
  let count = 0;
  sweepCells(store.cells, looks, (counter) => {
    if (counter === store.held || !goes(counter)) return false;
    forget(store, counter);
    count += 1;
    return count === most;
  });
  return count;
}

/** What was given back must still be written to the journal: an empty counter waits for that. */
function hasRunOut({ cells, logs, nowMs }: Store, counter: number): boolean {
  if (runsOutAtMs(logs, counter) <= nowMs) return true;
  return usedOf(logs, counter) === 0 && !isChanged(cells, counter);
}

function levelNow({ logs, levels, nowMs }: Store, counter: number): number {
  advance(logs, counter, nowMs);
  return noteUsed(levels, counter, usedOf(logs, counter));
}

function forget(store: Store, counter: number): void {
  clearLog(store.logs, counter);
  removeCounter(store.index, counter);
  noteGone(store.levels, counter);
  freeCell(store.cells, counter);
  store.moves += 1;
}
