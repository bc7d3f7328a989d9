import { type Cells, freeCell, offset, takeCell, viewOf } from "./cells.ts";
import { BODY, CLOSED, ENTRIES_PER_CELL, ENTRY_BYTES, LAST, LOG, NEXT_CELL, SKIPPED } from "./layout.ts";

// The closed entries of a counter: a queue in a ring of cells. An entry's time is stored modulo 2³² ms and read
// against the counter's LAST, which is less than 2³² ms later.

/** Adds the youngest entry; takes a cell when the last one is full. */
export function pushEntry(cells: Cells, counter: number, lastMs: number, cost: number): void {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const closed = view.getUint8(at + CLOSED);
  const place = (view.getUint8(at + SKIPPED) + closed) % ENTRIES_PER_CELL;
  if (place === 0) addCell(cells, view, at);
  const cell = view.getUint32(at + LOG, true);
  viewOf(cells, cell).setUint32(entryAt(cell, place), lastMs, true);
  writeCost(viewOf(cells, cell), entryAt(cell, place), cost);
  view.setUint8(at + CLOSED, closed + 1);
}

/** Drops the oldest entries up to that time and answers the sum of their costs. */
export function dropEntriesUntil(cells: Cells, counter: number, timeMs: number): number {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const newestMs = view.getFloat64(at + LAST, true);
  let dropped = 0;
  while (view.getUint8(at + CLOSED) > 0) {
    const cell = nextOf(cells, view.getUint32(at + LOG, true));
    const entry = entryAt(cell, view.getUint8(at + SKIPPED));
    if (readTime(viewOf(cells, cell), entry, newestMs) > timeMs) break;
    dropped += readCost(viewOf(cells, cell), entry);
    dropOldest(cells, view, at);
  }
  return dropped;
}

export function dropEntries(cells: Cells, counter: number): void {
  const view = viewOf(cells, counter);
  while (view.getUint8(offset(counter) + CLOSED) > 0) dropOldest(cells, view, offset(counter));
}

/** Takes `cost` from the entry that `younger` closed ones follow. */
export function subtractFromEntry(cells: Cells, counter: number, younger: number, cost: number): void {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  let place = view.getUint8(at + SKIPPED) + view.getUint8(at + CLOSED) - 1 - younger;
  let cell = nextOf(cells, view.getUint32(at + LOG, true));
  for (; place >= ENTRIES_PER_CELL; place -= ENTRIES_PER_CELL) cell = nextOf(cells, cell);
  const entry = entryAt(cell, place);
  writeCost(viewOf(cells, cell), entry, readCost(viewOf(cells, cell), entry) - cost);
}

/** Calls `visit` for each entry, oldest first, until it answers true; says whether it did. */
export function visitEntries(
  cells: Cells,
  counter: number,
  visit: (lastMs: number, cost: number) => boolean,
): boolean {
  const view = viewOf(cells, counter);
  const at = offset(counter);
  const newestMs = view.getFloat64(at + LAST, true);
  let place = view.getUint8(at + SKIPPED);
  const end = place + view.getUint8(at + CLOSED);
  let cell = place < end ? nextOf(cells, view.getUint32(at + LOG, true)) : 0;
  for (; place < end; place += 1) {
    const entry = entryAt(cell, place % ENTRIES_PER_CELL);
    if (visit(readTime(viewOf(cells, cell), entry, newestMs), readCost(viewOf(cells, cell), entry)))
      return true;
    if (place % ENTRIES_PER_CELL === ENTRIES_PER_CELL - 1) cell = nextOf(cells, cell);
  }
  return false;
}

/** Puts a cell between the last and the oldest, as the new last. */
function addCell(cells: Cells, view: DataView, at: number): void {
  const added = takeCell(cells);
  const last = view.getUint32(at + LOG, true);
  setNext(cells, added, last === 0 ? added : nextOf(cells, last));
  if (last !== 0) setNext(cells, last, added);
  view.setUint32(at + LOG, added, true);
}

function dropOldest(cells: Cells, view: DataView, at: number): void {
  const last = view.getUint32(at + LOG, true);
  const oldest = nextOf(cells, last);
  const skipped = view.getUint8(at + SKIPPED) + 1;
  const closed = view.getUint8(at + CLOSED) - 1;
  const cellIsDone = closed === 0 || skipped === ENTRIES_PER_CELL;
  if (closed === 0) view.setUint32(at + LOG, 0, true);
  else if (cellIsDone) setNext(cells, last, nextOf(cells, oldest));
  if (cellIsDone) freeCell(cells, oldest);
  view.setUint8(at + SKIPPED, cellIsDone ? 0 : skipped);
  view.setUint8(at + CLOSED, closed);
}

function nextOf(cells: Cells, cell: number): number {
  return viewOf(cells, cell).getUint32(offset(cell) + NEXT_CELL, true);
}

function setNext(cells: Cells, cell: number, following: number): void {
  viewOf(cells, cell).setUint32(offset(cell) + NEXT_CELL, following, true);
}

function entryAt(cell: number, place: number): number {
  return offset(cell) + BODY + place * ENTRY_BYTES;
}

function readTime(page: DataView, entry: number, newestMs: number): number {
  return newestMs - ((newestMs - page.getUint32(entry, true)) >>> 0);
}

function readCost(page: DataView, entry: number): number {
  return page.getFloat64(entry + 4, true);
}

function writeCost(page: DataView, entry: number, cost: number): void {
  page.setFloat64(entry + 4, cost, true);
}
