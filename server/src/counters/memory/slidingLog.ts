import {
  BODY,
  CELL_BYTES,
  type Cell,
  type Cells,
  CLOSED,
  COST,
  type Counter,
  DURATION,
  ENTRIES_PER_CELL,
  ENTRY,
  ENTRY_BYTES,
  freeCell,
  LAST,
  LOG,
  NO_CELL,
  nextCell,
  offset,
  SKIPPED,
  SPAN,
  setNextCell,
  TOUCH,
  takeCell,
  USED,
  viewOf,
} from "./cells.ts";

/**
 * The log of a counter has the costs that count now, as entries with a time and a cost. A cost that was added at time t
 * counts from t until just before t + duration. Times are whole ms since the epoch and never go back.
 *
 * The log is exact with one exception: a cost joins the newest entry if that entry began at most duration/60 ago, and
 * all costs of an entry stop counting when its last cost does. So no cost stops counting too early, some stop counting
 * up to duration/60 late, and a log never needs more than 62 entries.
 */
export type Logs = {
  readonly cells: Cells;
  /**
   * the highest entry number of all counters. A new counter numbers its entries from here on. So if a counter was
   * evicted and another counter now uses its cell, `undo` of an old take finds no entry with the take's number, and
   * changes nothing
   */
  newestEntry: number;
};

/** A take: the cost that one hit has added to one counter. The counter may be evicted before the take is undone. */
export type Take = {
  counter: Counter;
  entry: number;
  touch: number;
  cost: number;
  /** the time of the entry's last cost before this take, ms */
  lastBeforeMs: number;
};

/** An entry of a log: costs that stop counting together, one duration after the last of them (`lastMs`). */
export type Entry = { lastMs: number; cost: number };

/** Initializes a cell as a counter with an empty log. `durationMs` must be less than 2³². */
export function openLog(logs: Logs, counter: Counter, durationMs: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  for (let i = 0; i < CELL_BYTES; i += 8) view.setFloat64(at + i, 0, true);
  view.setUint32(at + DURATION, durationMs, true);
  view.setUint32(at + ENTRY, logs.newestEntry, true);
  view.setFloat64(at + LAST, -durationMs, true);
}

/**
 * Drops entries that no longer count. Call it with the current time before a decision: the functions below take all
 * entries that are in the log for entries that count.
 */
export function advance(logs: Logs, counter: Counter, nowMs: number): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  if (view.getFloat64(at + USED, true) === 0) return;
  const expiredMs = nowMs - view.getUint32(at + DURATION, true);
  if (view.getFloat64(at + LAST, true) > expiredMs) {
    add(view, at + USED, -dropEntriesUntil(logs.cells, counter, expiredMs));
    if (view.getFloat64(at + USED, true) > 0) return;
  }
  clearLog(logs, counter);
}

export function usedOf({ cells }: Logs, counter: Counter): number {
  return viewOf(cells, counter).getFloat64(offset(counter) + USED, true);
}

/** Returns the time when the newest entry stops counting; it may be in the past. */
export function runsOutAtMs({ cells }: Logs, counter: Counter): number {
  const view = viewOf(cells, counter);
  return view.getFloat64(offset(counter) + LAST, true) + view.getUint32(offset(counter) + DURATION, true);
}

/** Returns when `amount` of the cost that counts now will have stopped counting. 0 < `amount` ≤ that cost. */
export function freedAtMs(logs: Logs, counter: Counter, amount: number): number {
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

/** Returns when the last cost stops counting, or `undefined` if nothing counts now. */
export function emptyAtMs(logs: Logs, counter: Counter): number | undefined {
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

/** Counts `cost` (> 0) at the time `nowMs`. May allocate a cell. */
export function take(logs: Logs, counter: Counter, nowMs: number, cost: number): Take {
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

/** Undoes a take if its entry is still in the log. Returns whether it was. The caller must not undo a take twice. */
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

/** Returns the entries, oldest first; none if nothing counts. `firstMs` is the time when the newest entry began. */
export function readLog({ cells }: Logs, counter: Counter): { firstMs: number; entries: Entry[] } {
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

/** Fills an empty log with entries that `readLog` returned. No entry may be later than now. */
export function fillLog(logs: Logs, counter: Counter, firstMs: number, entries: readonly Entry[]): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  for (const { lastMs, cost } of entries) {
    openEntry(logs, counter, lastMs);
    add(view, at + COST, cost);
    add(view, at + USED, cost);
  }
  view.setUint32(at + SPAN, view.getFloat64(at + LAST, true) - firstMs, true);
}

export function clearLog(logs: Logs, counter: Counter): void {
  const view = viewOf(logs.cells, counter);
  const at = offset(counter);
  dropEntries(logs.cells, counter);
  view.setFloat64(at + USED, 0, true);
  view.setFloat64(at + COST, 0, true);
  // The next entry gets a new number. So if a take of a dropped entry is undone later, the new entry keeps its cost.
  numberEntry(logs, view, at);
}

function openEntry(logs: Logs, counter: Counter, nowMs: number): void {
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
  // If this was the counter's latest take, the entry gets back the time of its last cost before the take.
  if (view.getUint32(at + TOUCH, true) !== taken.touch) return;
  const lastMs = view.getFloat64(at + LAST, true);
  view.setUint32(at + TOUCH, taken.touch - 1, true);
  view.setUint32(at + SPAN, view.getUint32(at + SPAN, true) - (lastMs - taken.lastBeforeMs), true);
  view.setFloat64(at + LAST, taken.lastBeforeMs, true);
}

function add(view: DataView, at: number, amount: number): void {
  view.setFloat64(at, view.getFloat64(at, true) + amount, true);
}

// The closed entries of a counter are a queue in a ring of cells. The time of an entry is stored modulo 2³² ms. The
// whole time follows from LAST, the time of the counter's newest cost: it is less than 2³² ms after the entry.

/** Appends a closed entry. Allocates a new cell if the newest log cell is full. */
function pushEntry(cells: Cells, counter: Counter, lastMs: number, cost: number): void {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const closed = view.getUint8(at + CLOSED);
  const place = (view.getUint8(at + SKIPPED) + closed) % ENTRIES_PER_CELL;
  if (place === 0) addCell(cells, view, at);
  const cell = view.getUint32(at + LOG, true) as Cell;
  viewOf(cells, cell).setUint32(entryAt(cell, place), lastMs, true);
  writeCost(viewOf(cells, cell), entryAt(cell, place), cost);
  view.setUint8(at + CLOSED, closed + 1);
}

/** Drops the closed entries whose last cost is at or before `timeMs`, and returns the sum of their costs. */
function dropEntriesUntil(cells: Cells, counter: Counter, timeMs: number): number {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const newestMs = view.getFloat64(at + LAST, true);
  let dropped = 0;
  while (view.getUint8(at + CLOSED) > 0) {
    const cell = nextCell(cells, view.getUint32(at + LOG, true) as Cell);
    const entry = entryAt(cell, view.getUint8(at + SKIPPED));
    if (readTime(viewOf(cells, cell), entry, newestMs) > timeMs) break;
    dropped += readCost(viewOf(cells, cell), entry);
    dropOldest(cells, view, at);
  }
  return dropped;
}

function dropEntries(cells: Cells, counter: Counter): void {
  const view = viewOf(cells, counter);
  while (view.getUint8(offset(counter) + CLOSED) > 0) dropOldest(cells, view, offset(counter));
}

/** Subtracts `cost` from a closed entry. `younger` is how many closed entries are newer: 0 for the newest one. */
function subtractFromEntry(cells: Cells, counter: Counter, younger: number, cost: number): void {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  let place = view.getUint8(at + SKIPPED) + view.getUint8(at + CLOSED) - 1 - younger;
  let cell = nextCell(cells, view.getUint32(at + LOG, true) as Cell);
  for (; place >= ENTRIES_PER_CELL; place -= ENTRIES_PER_CELL) cell = nextCell(cells, cell);
  const entry = entryAt(cell, place);
  writeCost(viewOf(cells, cell), entry, readCost(viewOf(cells, cell), entry) - cost);
}

/** Calls `visit` for each closed entry, oldest first, until `visit` returns true. Returns whether that happened. */
function visitEntries(
  cells: Cells,
  counter: Counter,
  visit: (lastMs: number, cost: number) => boolean,
): boolean {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const newestMs = view.getFloat64(at + LAST, true);
  let place = view.getUint8(at + SKIPPED);
  const end = place + view.getUint8(at + CLOSED);
  let cell = place < end ? nextCell(cells, view.getUint32(at + LOG, true) as Cell) : NO_CELL;
  for (; place < end; place += 1) {
    const entry = entryAt(cell, place % ENTRIES_PER_CELL);
    if (visit(readTime(viewOf(cells, cell), entry, newestMs), readCost(viewOf(cells, cell), entry)))
      return true;
    if (place % ENTRIES_PER_CELL === ENTRIES_PER_CELL - 1) cell = nextCell(cells, cell);
  }
  return false;
}

/** Adds a cell to the ring, between the newest and the oldest cell. The added cell becomes the newest. */
function addCell(cells: Cells, view: DataView, at: number): void {
  const added = takeCell(cells);
  const last = view.getUint32(at + LOG, true) as Cell;
  setNextCell(cells, added, last === 0 ? added : nextCell(cells, last));
  if (last !== 0) setNextCell(cells, last, added);
  view.setUint32(at + LOG, added, true);
}

function dropOldest(cells: Cells, view: DataView, at: number): void {
  const last = view.getUint32(at + LOG, true) as Cell;
  const oldest = nextCell(cells, last);
  const skipped = view.getUint8(at + SKIPPED) + 1;
  const closed = view.getUint8(at + CLOSED) - 1;
  const cellIsDone = closed === 0 || skipped === ENTRIES_PER_CELL;
  if (closed === 0) view.setUint32(at + LOG, 0, true);
  else if (cellIsDone) setNextCell(cells, last, nextCell(cells, oldest));
  if (cellIsDone) freeCell(cells, oldest);
  view.setUint8(at + SKIPPED, cellIsDone ? 0 : skipped);
  view.setUint8(at + CLOSED, closed);
}

declare const isEntry: unique symbol;
/** the offset of a closed entry in its page */
type EntryPlace = number & { readonly [isEntry]: true };

function entryAt(cell: Cell, place: number): EntryPlace {
  return (offset(cell) + BODY + place * ENTRY_BYTES) as EntryPlace;
}

function readTime(page: DataView, entry: EntryPlace, newestMs: number): number {
  return newestMs - ((newestMs - page.getUint32(entry, true)) >>> 0);
}

function readCost(page: DataView, entry: EntryPlace): number {
  return page.getFloat64(entry + 4, true);
}

function writeCost(page: DataView, entry: EntryPlace, cost: number): void {
  page.setFloat64(entry + 4, cost, true);
}
