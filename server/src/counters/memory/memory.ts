import type { Window } from "../../domain/windows.ts";
import type { Counters, Hit, Peeked, WindowState } from "../counters.ts";
import { type Counter, emptyCells, markOf, NO_COUNTER } from "./cells.ts";
import { noteChanged } from "./changes.ts";
import { createCounter, emptyLevels, makeRoom, noteFill, noteUsed, type Store } from "./eviction.ts";
import { emptyIndex, findCounter } from "./keyIndex.ts";
import { recentKeys } from "./recentKeys.ts";
import { advance, emptyAtMs, freedAtMs, type Take, take, undo, usedOf } from "./slidingLog.ts";
import { allRecords, type CounterRecord, changedRecords, restoreRecord } from "./snapshots.ts";

export type MemoryOptions = {
  /** Returns the Unix time in whole milliseconds. If it goes back, the counters keep the latest time so far. */
  nowMs: () => number;
  /** the maximum memory of all counters together; at least 256 KiB */
  maxBytes: number;
  /** Called when counters were evicted to make room: how many, and whether their costs still counted (`live`). */
  onEvict?: (count: number, live: boolean) => void;
  /** `changed` and `all` yield only counters of windows longer than this. Default: Infinity, so they yield none. */
  recordAboveMs?: number;
};

export type MemoryCounters = Omit<Counters, "hit" | "giveBack" | "peek"> & {
  hit(windows: readonly Window[]): Hit;
  giveBack(hit: Hit): void;
  peek(windows: readonly Window[]): Peeked[];
  /** Returns the memory that the counters use now, at most `maxBytes`. */
  bytes(): number;
  /** Returns the number of counters, including some that no longer count anything. */
  size(): number;
  /**
   * Yields the counters that have changed since the last call, in batches. A batch has the state of its counters at the
   * moment when it is taken from the generator.
   */
  changed(): Generator<CounterRecord[]>;
  /**
   * Yields all counters, in batches. A batch has the state of its counters at the moment when it is taken from the
   * generator. There may be hits between two batches.
   */
  all(): Generator<CounterRecord[]>;
  /**
   * Restores a counter from a record. Costs in the record that no longer count are left out. If several records have
   * the same key, the last record replaces the others.
   */
  restore(record: CounterRecord): void;
};

/**
 * A window of a hit. `counter` is the cell of its counter, or 0 if the counter does not exist yet. The cell was looked
 * up when the store's `moves` had the value `moves`. If the store's value has changed, look the cell up again.
 */
type Asked = {
  window: Window;
  key: string;
  counter: Counter;
  moves: number;
  /** the cost that earlier windows of the same hit take from the same counter */
  earlier: number;
  passed: boolean;
};

const MIN_BYTES = 256 * 1024;

/**
 * Creates counters in the memory of this process, outside the heap that the garbage collector manages. A counter whose
 * key has up to 56 characters takes about 134 bytes if its log has one entry, and at most 1,000 bytes with 62 entries,
 * the maximum (`slidingLog.ts`). For longer keys, each 60 characters take 66 bytes more. Durations are at most
 * 2³² - 1 ms. A hit throws a RangeError if the key of its counter has more than 16,384 characters.
 */
export function memoryCounters(options: MemoryOptions): MemoryCounters {
  const { nowMs, maxBytes, onEvict = () => {}, recordAboveMs = Infinity } = options;
  if (maxBytes < MIN_BYTES)
    throw new RangeError(`maxBytes is ${maxBytes}. It must be at least ${MIN_BYTES}.`);
  const budget = { maxBytes, usedBytes: 0 };
  const cells = emptyCells(budget, () => makeRoom(store, onEvict));
  const store: Store = {
    cells,
    keyOf: recentKeys(),
    logs: { cells, newestEntry: 0 },
    index: emptyIndex(cells, budget),
    levels: emptyLevels(cells),
    changes: { recordAboveMs, counters: [] },
    nowMs: 0,
    held: NO_COUNTER,
    created: 0,
    moves: 0,
  };
  return {
    hit(windows) {
      store.nowMs = Math.max(store.nowMs, nowMs());
      const asked = judgeAll(store, windows);
      const passed = allPassed(asked);
      const receipt: Take[] = [];
      if (passed) for (const one of asked) if (one.window.cost > 0) receipt.push(takeFor(store, one));
      return { passed, windows: statesOf(store, asked), receipt };
    },
    giveBack(hit) {
      // `splice` empties the receipt, so that a second call does nothing. `reverse`: the latest cost is undone first.
      for (const taken of takesOf(hit).splice(0).reverse()) giveBackTo(store, taken);
    },
    peek(windows) {
      store.nowMs = Math.max(store.nowMs, nowMs());
      return judgeAll(store, windows).map((one) => peekAt(store, one));
    },
    close: () => Promise.resolve(),
    bytes: () => budget.usedBytes,
    size: () => store.index.size,
    changed: () => changedRecords(store),
    all: () => allRecords(store),
    restore(record) {
      store.nowMs = Math.max(store.nowMs, nowMs());
      restoreRecord(store, record);
    },
  };
}

// The next functions use loops, because `every`, `filter` and `map` would create closures and arrays for each decision.

function allPassed(asked: readonly Asked[]): boolean {
  for (const one of asked) if (!one.passed) return false;
  return true;
}

function statesOf(store: Store, asked: readonly Asked[]): WindowState[] {
  const states: WindowState[] = [];
  for (const one of asked) states.push(stateOf(store, one));
  return states;
}

function judgeAll(store: Store, windows: readonly Window[]): Asked[] {
  const asked: Asked[] = [];
  for (const window of windows) asked.push(judge(store, window, asked));
  return asked;
}

function judge(store: Store, window: Window, before: readonly Asked[]): Asked {
  const key = store.keyOf(window);
  const counter = findCounter(store.index, key);
  if (counter !== 0) advance(store.logs, counter, store.nowMs);
  const used = counter === 0 ? 0 : usedOf(store.logs, counter);
  let earlier = 0;
  for (const other of before) if (other.passed && other.key === key) earlier += other.window.cost;
  const passed = window.cost <= window.limit - used - earlier;
  return { window, key, counter, moves: store.moves, earlier, passed };
}

/**
 * Returns the current cell of a window's counter, or 0. The cell that was looked up earlier may be out of date: when
 * another window of the same hit was counted, this counter may have been evicted or created.
 */
function locate(store: Store, asked: Asked): Counter {
  if (asked.moves !== store.moves) {
    asked.counter = findCounter(store.index, asked.key);
    asked.moves = store.moves;
  }
  return asked.counter;
}

function takeFor(store: Store, asked: Asked): Take {
  const { durationMs, cost } = asked.window;
  const counter = locate(store, asked) || createCounter(store, asked.key, durationMs);
  asked.counter = counter;
  asked.moves = store.moves;
  store.held = counter;
  const taken = take(store.logs, counter, store.nowMs, cost);
  store.held = NO_COUNTER;
  noteChanged(store.changes, store.cells, counter);
  return taken;
}

function stateOf(store: Store, asked: Asked): WindowState {
  const { limit } = asked.window;
  const counter = locate(store, asked);
  const used = counter === 0 ? 0 : usedOf(store.logs, counter);
  if (counter !== 0) noteFill(store.levels, counter, used, limit);
  const resetInMs = resetIn(store, asked, counter, used);
  return { passed: asked.passed, remaining: Math.max(0, limit - used), resetInMs };
}

function resetIn(store: Store, asked: Asked, counter: Counter, used: number): number {
  if (asked.passed) return emptyIn(store, counter);
  return passesIn(store, asked, counter, used) ?? asked.window.durationMs;
}

function emptyIn({ logs, nowMs }: Store, counter: Counter): number {
  return counter === 0 ? 0 : (emptyAtMs(logs, counter) ?? nowMs) - nowMs;
}

/** Returns the time until a refused cost would be admitted, or `undefined` if it never will be. */
function passesIn({ logs, nowMs }: Store, asked: Asked, counter: Counter, used: number): number | undefined {
  const { cost, limit } = asked.window;
  const missing = asked.earlier + cost - (limit - used);
  return missing > used ? undefined : freedAtMs(logs, counter, missing) - nowMs;
}

function peekAt(store: Store, asked: Asked): Peeked {
  const { passed, counter, window } = asked;
  const used = counter === 0 ? 0 : usedOf(store.logs, counter);
  const passesInMs = passed ? 0 : passesIn(store, asked, counter, used);
  return { passed, limit: window.limit, used, emptyInMs: emptyIn(store, counter), passesInMs };
}

function takesOf(hit: Hit): Take[] {
  return hit.receipt as Take[];
}

function giveBackTo({ cells, logs, levels, changes }: Store, taken: Take): void {
  if (markOf(cells, taken.counter) === 0 || !undo(logs, taken)) return;
  noteUsed(levels, taken.counter, usedOf(logs, taken.counter));
  noteChanged(changes, cells, taken.counter);
}
