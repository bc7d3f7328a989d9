import { emptyCells, markOf } from "./cells.ts";
import { noteChanged } from "./changes.ts";
import { type Counters, counterKey, type Hit, type Window, type WindowState } from "./counters.ts";
import { emptyLevels, noteFill, noteUsed } from "./fill.ts";
import { emptyIndex, findCounter } from "./keyIndex.ts";
import { allRecords, type CounterRecord, changedRecords, restoreRecord } from "./records.ts";
import { createCounter, makeRoom, type Store } from "./room.ts";
import { advance, emptyAtMs, freedAtMs, type Take, take, undo, usedOf } from "./slidingLog.ts";

export type MemoryOptions = {
  /** ms since the epoch, whole; where it goes back, the latest time seen stays */
  nowMs: () => number;
  /** what all counters together may take; at least 256 KiB */
  maxBytes: number;
  /** hears how many counters were forgotten for want of room, and whether they still counted something */
  onEvict?: (count: number, live: boolean) => void;
  /** which counters `changed`, `all` and `restore` are about: those of longer windows; without it, none */
  recordAboveMs?: number;
};

export type MemoryCounters = Omit<Counters, "hit" | "giveBack"> & {
  hit(windows: readonly Window[]): Hit;
  giveBack(hit: Hit): void;
  /** what the counters take now, at most maxBytes */
  bytes(): number;
  /** how many counters there are, among them some that have run out */
  size(): number;
  /** The counters that changed since they were last asked for, as they are when they come, some at a time. */
  changed(): Generator<CounterRecord[]>;
  /** All counters, as they are when they come, some at a time; calls may be made in between. */
  all(): Generator<CounterRecord[]>;
  /** Makes a counter what it was, but for what does not count any more; a later one of the same key replaces it. */
  restore(record: CounterRecord): void;
};

/** A window of a hit, and its counter, or 0, as found when the store had made `moves`. */
type Asked = {
  window: Window;
  key: string;
  counter: number;
  moves: number;
  /** what the windows before this one take from the same counter */
  earlier: number;
  passed: boolean;
};

const MIN_BYTES = 256 * 1024;

/**
 * Counts in the memory of this process, outside the garbage collector's heap: 132 bytes for a counter with one
 * entry, at most 1,000 with 62. Durations up to 2³² - 1 ms; a RangeError for a key above 16,384 characters.
 */
export function memoryCounters(options: MemoryOptions): MemoryCounters {
  const { nowMs, maxBytes, onEvict = () => {}, recordAboveMs = Infinity } = options;
  if (maxBytes < MIN_BYTES) throw new RangeError(`maxBytes is ${maxBytes}, the least is ${MIN_BYTES}`);
  const budget = { maxBytes, usedBytes: 0 };
  const cells = emptyCells(budget, () => makeRoom(store, onEvict));
  const store: Store = {
    cells,
    logs: { cells, newestEntry: 0 },
    index: emptyIndex(cells, budget),
    levels: emptyLevels(cells),
    changes: { recordAboveMs, counters: [] },
    nowMs: 0,
    held: 0,
    created: 0,
    moves: 0,
  };
  return {
    hit(windows) {
      store.nowMs = Math.max(store.nowMs, nowMs());
      const asked: Asked[] = [];
      for (const window of windows) asked.push(judge(store, window, asked));
      const passed = asked.every((one) => one.passed);
      const counted = passed ? asked.filter((one) => one.window.cost > 0) : [];
      const receipt = counted.map((one) => takeFor(store, one));
      return { passed, windows: asked.map((one) => stateOf(store, one)), receipt };
    },
    giveBack(hit) {
      // The receipt is emptied so that a second call finds nothing. The last take is undone first.
      for (const taken of takesOf(hit).splice(0).reverse()) giveBackTo(store, taken);
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

function judge(store: Store, window: Window, before: readonly Asked[]): Asked {
  const key = counterKey(window);
  const counter = findCounter(store.index, key);
  if (counter !== 0) advance(store.logs, counter, store.nowMs);
  const used = counter === 0 ? 0 : usedOf(store.logs, counter);
  let earlier = 0;
  for (const other of before) if (other.passed && other.key === key) earlier += other.window.cost;
  const passed = window.cost <= window.limit - used - earlier;
  return { window, key, counter, moves: store.moves, earlier, passed };
}

/** The counter now: what is done for one window may make or forget the counter of another. */
function locate(store: Store, asked: Asked): number {
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
  store.held = 0;
  noteChanged(store.changes, store.cells, counter);
  return taken;
}

function stateOf(store: Store, asked: Asked): WindowState {
  const { cost, limit } = asked.window;
  const counter = locate(store, asked);
  if (counter === 0) return { passed: asked.passed, remaining: limit, resetAtMs: store.nowMs };
  const used = usedOf(store.logs, counter);
  noteFill(store.levels, counter, used, limit);
  const wanted = asked.earlier + cost;
  const canPass = !asked.passed && wanted <= limit;
  const resetAtMs = canPass
    ? freedAtMs(store.logs, counter, wanted - (limit - used))
    : (emptyAtMs(store.logs, counter) ?? store.nowMs);
  return { passed: asked.passed, remaining: Math.max(0, limit - used), resetAtMs };
}

function takesOf(hit: Hit): Take[] {
  return hit.receipt as Take[];
}

function giveBackTo({ cells, logs, levels, changes }: Store, taken: Take): void {
  if (markOf(cells, taken.counter) === 0 || !undo(logs, taken)) return;
  noteUsed(levels, taken.counter, usedOf(logs, taken.counter));
  noteChanged(changes, cells, taken.counter);
}
