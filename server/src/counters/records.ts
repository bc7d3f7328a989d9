import { endOfCells, markOf, offset, viewOf } from "./cells.ts";
import { isRecorded, takeChange } from "./changes.ts";
import { noteFill } from "./fill.ts";
import { findCounter, keyOf } from "./keyIndex.ts";
import { DURATION, LIMIT } from "./layout.ts";
import { createCounter, type Store } from "./room.ts";
import { clearLog, type Entry, fillLog, readLog, usedOf } from "./slidingLog.ts";

/** A counter as it can be kept elsewhere; times are ms since the epoch. */
export type CounterRecord = {
  key: string;
  durationMs: number;
  /** the limit last asked for, rounded to 24 bits */
  limit: number;
  /** the first time of the last entry, which costs may still join */
  firstMs: number;
  /** oldest first; none when nothing counts */
  entries: Entry[];
};

const BATCH = 256;

/** Records of the counters noted as changed when it begins; those it did not come to stay noted. */
export function* changedRecords(store: Store): Generator<CounterRecord[]> {
  const due = store.changes.counters;
  store.changes.counters = [];
  let next = 0;
  try {
    while (next < due.length) {
      const batch = due.slice(next, next + BATCH);
      next += batch.length;
      yield batch.filter((cell) => takeChange(store.cells, cell)).map((counter) => recordOf(store, counter));
    }
  } finally {
    store.changes.counters = due.slice(next).concat(store.changes.counters);
  }
}

/** Records of all counters that are there from beginning to end. */
export function* allRecords(store: Store): Generator<CounterRecord[]> {
  const { cells, changes } = store;
  for (let first = 0; first < endOfCells(cells); first += 2 * BATCH) {
    const batch: CounterRecord[] = [];
    for (let cell = first; cell < first + 2 * BATCH; cell += 1) {
      if (markOf(cells, cell) !== 0 && isRecorded(changes, cells, cell)) batch.push(recordOf(store, cell));
    }
    yield batch;
  }
}

/** A time ahead of the clock, which may have been set back, counts as now: that is never too early. */
export function restoreRecord(store: Store, record: CounterRecord): void {
  const { logs, nowMs } = store;
  const counting = record.entries.filter((entry) => entry.lastMs + record.durationMs > nowMs);
  const counter =
    findCounter(store.index, record.key) ||
    (counting.length > 0 ? createCounter(store, record.key, record.durationMs) : 0);
  if (counter === 0) return;
  const entries = counting.filter((entry) => entry.lastMs < nowMs);
  const costNow = counting.slice(entries.length).reduce((sum, entry) => sum + entry.cost, 0);
  if (costNow > 0) entries.push({ lastMs: nowMs, cost: costNow });
  store.held = counter;
  clearLog(logs, counter);
  fillLog(logs, counter, Math.min(record.firstMs, nowMs), entries);
  store.held = 0;
  noteFill(store.levels, counter, usedOf(logs, counter), record.limit);
}

function recordOf({ cells, logs, index }: Store, counter: number): CounterRecord {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  return {
    key: keyOf(index, counter),
    durationMs: view.getUint32(at + DURATION, true),
    limit: view.getFloat32(at + LIMIT, true),
    ...readLog(logs, counter),
  };
}
