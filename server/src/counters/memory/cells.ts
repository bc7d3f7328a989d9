/**
 * Where things lie in the 64-byte cells that the memory backend is made of. Numbers are little-endian; a cell's
 * number 0 stands for none. There are three kinds of cells:
 *
 * - a counter: the fields below, among them the newest entry of its log;
 * - a log: the number of the next cell, then five closed entries. A counter's log cells form a ring, and the
 *   counter knows the last one, whose next is the oldest;
 * - a key: the number of the next cell, then fifteen words of the packed key.
 */
export const CELL_BYTES = 64;

/** float64: the sum of the costs of all entries */
export const USED = 0;
/** float64: the cost of the newest entry */
export const COST = 8;
/** float64: the time of the newest entry's last cost, ms since the epoch */
export const LAST = 16;
/** float32: the limit last asked for; only says how full the counter is */
export const LIMIT = 24;
/** uint32: the hash of the key */
export const HASH = 28;
/** uint32: the next counter of the same bucket */
export const NEXT_COUNTER = 32;
/** uint32: the first cell of the key */
export const KEY = 36;
/** uint32: the log cell of the youngest closed entry */
export const LOG = 40;
/** uint32: ms */
export const DURATION = 44;
/** uint32: the newest entry's number; the closed ones count down from it */
export const ENTRY = 48;
/** uint32: how many takes of the counter can still be undone without a trace */
export const TOUCH = 52;
/** uint32: ms from the newest entry's first cost to its last */
export const SPAN = 56;
/** uint8: the number of closed entries */
export const CLOSED = 60;
/** uint8: how many places of the oldest log cell are already free */
export const SKIPPED = 61;
/** uint8: 1 while the counter waits to be written to the journal */
export const CHANGED = 62;

/** uint32: the next cell of a log or a key */
const NEXT_CELL = 0;
export const ENTRIES_PER_CELL = 5;
/** uint32 time (modulo 2³² ms), then float64 cost */
export const ENTRY_BYTES = 12;
export const WORDS_PER_CELL = 15;
/** where the entries or words begin */
export const BODY = 4;

declare const isCell: unique symbol;
declare const isCounter: unique symbol;
/** The number of a cell, 0 for none. */
export type Cell = number & { readonly [isCell]: true };
/** The number of the cell that holds a counter's fields, 0 for none. */
export type Counter = Cell & { readonly [isCounter]: true };

export const NO_CELL = 0 as Cell;
export const NO_COUNTER = 0 as Counter;

/** How much memory may be used and how much is, in bytes. */
export type Budget = { readonly maxBytes: number; usedBytes: number };

/** Cells of 64 bytes in pages outside the garbage collector's heap. Its fields belong to this file. */
export type Cells = {
  readonly budget: Budget;
  readonly makeRoom: () => void;
  readonly pages: (Page | undefined)[];
  /** pages that are no longer full; may include some that are full again, or gone */
  readonly withRoom: number[];
  readonly gone: number[];
  /** the page that cells are taken from */
  current: number;
  /** the cell that was swept last */
  hand: number;
};

type Page = { readonly view: DataView; used: number; firstFree: number; fresh: number };

const PAGE_BITS = 11;
const CELLS_PER_PAGE = 1 << PAGE_BITS;
const IN_PAGE = CELLS_PER_PAGE - 1;
const MARKS = CELLS_PER_PAGE * CELL_BYTES;
const BUFFER_BYTES = MARKS + CELLS_PER_PAGE;

/** The buffer, rounded up to the pages of the machine, and the objects that hold it. */
const PAGE_BYTES = Math.ceil(BUFFER_BYTES / 4096) * 4096 + 512;

export function claim(budget: Budget, bytes: number): boolean {
  if (budget.usedBytes + bytes > budget.maxBytes) return false;
  budget.usedBytes += bytes;
  return true;
}

/** Calls `makeRoom` when the budget is used up and no cell is free; it must free at least one. */
export function emptyCells(budget: Budget, makeRoom: () => void): Cells {
  const cells = { budget, makeRoom, pages: [], withRoom: [], gone: [], current: 0, hand: 0 };
  addPage(cells);
  return cells;
}

/** A cell with any content. Its number is never 0. */
export function takeCell(cells: Cells): Cell {
  if (!findRoom(cells) && !addPage(cells)) {
    cells.makeRoom();
    if (!findRoom(cells) && !addPage(cells)) throw new RangeError("nothing could be forgotten to make room");
  }
  const first = (cells.current << PAGE_BITS) as Cell;
  const page = pageOf(cells, first);
  page.used += 1;
  if (page.firstFree === 0) {
    page.fresh += 1;
    return (first + page.fresh - 1) as Cell;
  }
  const place = page.firstFree - 1;
  page.firstFree = page.view.getUint32(place * CELL_BYTES, true);
  return (first + place) as Cell;
}

export function freeCell(cells: Cells, cell: Cell): void {
  const number = cell >>> PAGE_BITS;
  const page = pageOf(cells, cell);
  page.view.setUint8(MARKS + (cell & IN_PAGE), 0);
  page.view.setUint32(offset(cell), page.firstFree, true);
  page.firstFree = (cell & IN_PAGE) + 1;
  if (page.used === CELLS_PER_PAGE) cells.withRoom.push(number);
  page.used -= 1;
  if (page.used === 0 && number !== cells.current) dropPage(cells, number);
}

/** The page the cell lies in; its first byte is at `offset(cell)`. */
export function viewOf(cells: Cells, cell: Cell): DataView {
  return pageOf(cells, cell).view;
}

export function offset(cell: Cell): number {
  return (cell & IN_PAGE) * CELL_BYTES;
}

/** The cell that follows this one of a log or a key. */
export function nextCell(cells: Cells, cell: Cell): Cell {
  return viewOf(cells, cell).getUint32(offset(cell) + NEXT_CELL, true) as Cell;
}

export function setNextCell(cells: Cells, cell: Cell, following: Cell): void {
  viewOf(cells, cell).setUint32(offset(cell) + NEXT_CELL, following, true);
}

/** The byte beside a cell: 0 unless it was set since the cell was taken. */
export function markOf(cells: Cells, cell: Cell): number {
  return cells.pages[cell >>> PAGE_BITS]?.view.getUint8(MARKS + (cell & IN_PAGE)) ?? 0;
}

export function setMark(cells: Cells, cell: Cell, mark: number): void {
  viewOf(cells, cell).setUint8(MARKS + (cell & IN_PAGE), mark);
}

/** Checks the next `looks` cells, starting over after the last one, and visits the marked ones until `visit` returns true. */
export function sweepCells(cells: Cells, looks: number, visit: (counter: Counter) => boolean): void {
  for (let left = looks; left > 0; left -= 1) {
    const cell = cells.hand + 1;
    cells.hand = cell >>> PAGE_BITS < cells.pages.length ? cell : 0;
    const page = cells.pages[cells.hand >>> PAGE_BITS];
    if (page === undefined) cells.hand |= IN_PAGE;
    else if (page.view.getUint8(MARKS + (cells.hand & IN_PAGE)) !== 0 && visit(cells.hand as Counter)) return;
  }
}

/** Above the number of every cell. */
export function endOfCells(cells: Cells): number {
  return cells.pages.length << PAGE_BITS;
}

function pageOf(cells: Cells, cell: Cell): Page {
  const page = cells.pages[cell >>> PAGE_BITS];
  if (page === undefined) throw new RangeError(`cell ${cell} is in no page`);
  return page;
}

function findRoom(cells: Cells): boolean {
  while (!hasRoom(cells.pages[cells.current])) {
    const next = cells.withRoom.pop();
    if (next === undefined) return false;
    cells.current = next;
  }
  return true;
}

function hasRoom(page: Page | undefined): boolean {
  return page !== undefined && page.used < CELLS_PER_PAGE;
}

function addPage(cells: Cells): boolean {
  if (!claim(cells.budget, PAGE_BYTES)) return false;
  const view = new DataView(new ArrayBuffer(BUFFER_BYTES));
  const number = cells.gone.pop() ?? cells.pages.length;
  // Cell 0 means "none", so it counts as used from the start. The first page is therefore never empty and never dropped.
  const used = number === 0 ? 1 : 0;
  cells.pages[number] = { view, used, firstFree: 0, fresh: used };
  cells.current = number;
  return true;
}

function dropPage(cells: Cells, number: number): void {
  cells.pages[number] = undefined;
  cells.gone.push(number);
  cells.budget.usedBytes -= PAGE_BYTES;
}
