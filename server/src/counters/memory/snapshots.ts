import { type Counter, DURATION, endOfCells, LIMIT, markOf, NO_COUNTER, offset, viewOf } from "./cells.ts";
import { isRecorded, takeChange } from "./changes.ts";
import { createCounter, noteFill, type Store } from "./eviction.ts";
import { findCounter, keyOf } from "./keyIndex.ts";
import { clearLog, type Entry, fillLog, readLog, usedOf } from "./slidingLog.ts";

/** The state of a counter, for the journal or for a copy to another backend. Times are in ms since the epoch. */
export type CounterRecord = {
  key: string;
  durationMs: number;
  /** the limit of the last request, rounded to 24 significant bits */
  limit: number;
  /** when the newest entry began; new costs may still join that entry */
  firstMs: number;
  /** the entries of the log, oldest first; empty if nothing counts */
  entries: Entry[];
};

const BATCH = 256;

/**
 * Yields records of the counters that were marked as changed when the iteration began, and removes the marks. If the
 * caller stops early, the remaining counters stay marked.
 */
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

/**
 * Yields records of all counters. A counter that is created or evicted meanwhile may be missing. A counter takes two
 * cells or more, so a batch covers twice as many cells as it has records at most.
 */
export function* allRecords(store: Store): Generator<CounterRecord[]> {
  const { cells, changes } = store;
  for (let first = 0; first < endOfCells(cells); first += 2 * BATCH) {
    const batch: CounterRecord[] = [];
    for (let number = first; number < first + 2 * BATCH; number += 1) {
      const cell = number as Counter; // not every cell is a counter: the next line ignores the cells without a mark
      if (markOf(cells, cell) !== 0 && isRecorded(changes, cells, cell)) batch.push(recordOf(store, cell));
    }
    yield batch;
  }
}

/**
 * Restores a counter from a record. If the clock was set back after the record was created, entries may be in the
 * future. Such entries get the current time, so they count for one duration from now.
 */
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
  store.held = NO_COUNTER;
  noteFill(store.levels, counter, usedOf(logs, counter), record.limit);
}

function recordOf({ cells, logs, index }: Store, counter: Counter): CounterRecord {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  return {
    key: keyOf(index, counter),
    durationMs: view.getUint32(at + DURATION, true),
    limit: view.getFloat32(at + LIMIT, true),
    ...readLog(logs, counter),
  };
}
