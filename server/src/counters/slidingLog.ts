import { type Cells, offset, viewOf } from "./cells.ts";
import { dropEntries, dropEntriesUntil, pushEntry, subtractFromEntry, visitEntries } from "./entryRing.ts";
import { CELL_BYTES, CLOSED, COST, DURATION, ENTRY, LAST, SPAN, TOUCH, USED } from "./layout.ts";

/**
 * The logs of counters: which costs count now. They are exact but for one thing: a cost joins the newest entry
 * while that is not older than duration/60, and all costs of an entry stop counting with its last one. So nothing
 * is ever admitted too early, capacity comes back at most duration/60 late, and 62 entries are always enough.
 *
 * A cost of time t counts at every now in [t, t + duration). Times are whole ms since the epoch and never go back.
 */
export type Logs = {
  readonly cells: Cells;
  /** no entry has a higher number: a counter never repeats those of an older one in the same cell */
  newestEntry: number;
};

/** What one counter gave for one hit; plain numbers, so that a receipt keeps nothing alive. */
export type Take = {
  counter: number;
  entry: number;
  touch: number;
  cost: number;
  /** the time of the newest entry before, ms */
  lastBeforeMs: number;
};

/** Costs that stop counting together, `durationMs` after `lastMs`. */
export type Entry = { lastMs: number; cost: number };

/** Makes an empty log of a cell with any content; `durationMs` < 2³². */
export function openLog(logs: Logs, counter: number, durationMs: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  for (let i = 0; i < CELL_BYTES; i += 8) view.setFloat64(at + i, 0, true);
  view.setUint32(at + DURATION, durationMs, true);
  view.setUint32(at + ENTRY, logs.newestEntry, true);
  view.setFloat64(at + LAST, -durationMs, true);
}

/** Drops what does not count any more. The functions below expect that this was done for now. */
export function advance(logs: Logs, counter: number, nowMs: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  if (view.getFloat64(at + USED, true) === 0) return;
  const goneMs = nowMs - view.getUint32(at + DURATION, true);
  if (view.getFloat64(at + LAST, true) > goneMs) {
    add(view, at + USED, -dropEntriesUntil(logs.cells, counter, goneMs));
    if (view.getFloat64(at + USED, true) > 0) return;
  }
  clearLog(logs, counter);
}

export function usedOf({ cells }: Logs, counter: number): number {
  return viewOf(cells, counter).getFloat64(offset(counter) + USED, true);
}

/** When the newest entry stops counting, or did. */
export function runsOutAtMs({ cells }: Logs, counter: number): number {
  const view = viewOf(cells, counter);
  return view.getFloat64(offset(counter) + LAST, true) + view.getUint32(offset(counter) + DURATION, true);
}

/** When `amount` of what is used will have stopped counting; 0 < amount ≤ used. */
export function freedAtMs(logs: Logs, counter: number, amount: number): number {
  const view = viewOf(logs.cells, counter);
  let left = amount;
  let freedMs = 0;
  const enough = visitEntries(logs.cells, counter, (lastMs, cost) => {
    left -= cost;
    freedMs = lastMs;
    return left <= 0;
  });
  return enough ? freedMs + view.getUint32(offset(counter) + DURATION, true) : runsOutAtMs(logs, counter);
}

/** When nothing will count any more; `undefined` when nothing does. */
export function emptyAtMs(logs: Logs, counter: number): number | undefined {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  if (view.getFloat64(at + USED, true) === 0) return undefined;
  if (view.getFloat64(at + COST, true) > 0) return runsOutAtMs(logs, counter);
  let countedMs = 0;
  visitEntries(logs.cells, counter, (lastMs, cost) => {
    if (cost > 0) countedMs = lastMs;
    return false;
  });
  return countedMs + view.getUint32(at + DURATION, true);
}

/** Counts `cost` (> 0) at now; may take a cell. */
export function take(logs: Logs, counter: number, nowMs: number, cost: number): Take {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  const firstMs = view.getFloat64(at + LAST, true) - view.getUint32(at + SPAN, true);
  const joins = nowMs - firstMs <= Math.floor(view.getUint32(at + DURATION, true) / 60);
  if (joins) view.setUint32(at + SPAN, nowMs - firstMs, true);
  else openEntry(logs, counter, nowMs);
  const lastBeforeMs = view.getFloat64(at + LAST, true);
  const touch = (view.getUint32(at + TOUCH, true) + 1) >>> 0;
  view.setUint32(at + TOUCH, touch, true);
  view.setFloat64(at + LAST, nowMs, true);
  add(view, at + COST, cost);
  add(view, at + USED, cost);
  return { counter, entry: view.getUint32(at + ENTRY, true), touch, cost, lastBeforeMs };
}

/** Takes a take back where its cost still counts, and says whether. The caller sees to it that it happens once. */
export function undo(logs: Logs, taken: Take): boolean {
  const view = viewOf(logs.cells, taken.counter);
  const at = offset(taken.counter);
  const younger = (view.getUint32(at + ENTRY, true) - taken.entry) >>> 0;
  if (younger > view.getUint8(at + CLOSED)) return false;
  if (younger === 0) undoNewest(view, at, taken);
  else subtractFromEntry(logs.cells, taken.counter, younger - 1, taken.cost);
  add(view, at + USED, -taken.cost);
  if (view.getFloat64(at + USED, true) === 0) clearLog(logs, taken.counter);
  return true;
}

/** The whole log, oldest entry first, none when nothing counts; `firstMs` is the first time of the last entry. */
export function readLog({ cells }: Logs, counter: number): { firstMs: number; entries: Entry[] } {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const lastMs = view.getFloat64(at + LAST, true);
  const firstMs = lastMs - view.getUint32(at + SPAN, true);
  if (view.getFloat64(at + USED, true) === 0) return { firstMs, entries: [] };
  const entries: Entry[] = [];
  visitEntries(cells, counter, (closedMs, cost) => entries.push({ lastMs: closedMs, cost }) === 0);
  entries.push({ lastMs, cost: view.getFloat64(at + COST, true) });
  return { firstMs, entries };
}

/** Fills a cleared log with entries of one that was read, none later than now. */
export function fillLog(logs: Logs, counter: number, firstMs: number, entries: readonly Entry[]): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  for (const { lastMs, cost } of entries) {
    openEntry(logs, counter, lastMs);
    add(view, at + COST, cost);
    add(view, at + USED, cost);
  }
  view.setUint32(at + SPAN, view.getFloat64(at + LAST, true) - firstMs, true);
}

export function clearLog(logs: Logs, counter: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  dropEntries(logs.cells, counter);
  view.setFloat64(at + USED, 0, true);
  view.setFloat64(at + COST, 0, true);
  // What was taken from the entry that is gone must not be given back to the next one.
  numberEntry(logs, view, at);
}

function openEntry(logs: Logs, counter: number, nowMs: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  if (view.getFloat64(at + USED, true) > 0) {
    pushEntry(logs.cells, counter, view.getFloat64(at + LAST, true), view.getFloat64(at + COST, true));
  }
  view.setFloat64(at + COST, 0, true);
  view.setFloat64(at + LAST, nowMs, true);
  view.setUint32(at + SPAN, 0, true);
  numberEntry(logs, view, at);
}

function numberEntry(logs: Logs, view: DataView, at: number): void {
  const entry = (view.getUint32(at + ENTRY, true) + 1) >>> 0;
  view.setUint32(at + ENTRY, entry, true);
  if (((entry - logs.newestEntry) | 0) > 0) logs.newestEntry = entry;
}

function undoNewest(view: DataView, at: number, taken: Take): void {
  add(view, at + COST, -taken.cost);
  // When nobody took since, or all who did gave back, the entry's time is again what it was before.
  if (view.getUint32(at + TOUCH, true) !== taken.touch) return;
  const lastMs = view.getFloat64(at + LAST, true);
  view.setUint32(at + TOUCH, taken.touch - 1, true);
  view.setUint32(at + SPAN, view.getUint32(at + SPAN, true) - (lastMs - taken.lastBeforeMs), true);
  view.setFloat64(at + LAST, taken.lastBeforeMs, true);
}

function add(view: DataView, at: number, amount: number): void {
  view.setFloat64(at, view.getFloat64(at, true) + amount, true);
}
