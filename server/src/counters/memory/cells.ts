/**
 * The layout of the memory backend. It stores everything in cells of 64 bytes. Cells are numbered; the number 0 means
 * "no cell". Integers and floats are little-endian. A counter has a log of entries, each with a time and a cost. New
 * costs can join only the newest entry; the older entries are closed. There are three kinds of cells:
 *
 * - a counter cell has the fields below, which include the newest entry of the counter's log.
 * - a log cell has the number of the next log cell, then five closed entries. The log cells of a counter form a ring:
 * the counter cell has the number of the newest log cell, whose next cell is the oldest one.
 * - a key cell has the number of the next key cell, then fifteen 32-bit words with characters of the counter's key.
 */
export const CELL_BYTES = 64;

/** float64: the sum of the costs of all entries */
export const USED = 0;
/** float64: the cost of the newest entry */
export const COST = 8;
/** float64: the time of the newest entry's last cost, ms since the epoch */
export const LAST = 16;
/** float32: the limit of the last request; with it, eviction knows how full the counter is */
export const LIMIT = 24;
/** uint32: the hash of the key */
export const HASH = 28;
/** uint32: the next counter in the same bucket of the hash table */
export const NEXT_COUNTER = 32;
/** uint32: the first cell of the key */
export const KEY = 36;
/** uint32: the log cell with the newest closed entry */
export const LOG = 40;
/** uint32: the length of the window in ms */
export const DURATION = 44;
/** uint32: the number of the newest entry; each older entry has the next lower number */
export const ENTRY = 48;
/** uint32: the number of takes (costs that were added), which is also the number of the latest take */
export const TOUCH = 52;
/** uint32: ms from the newest entry's first cost to its last */
export const SPAN = 56;
/** uint8: the number of closed entries */
export const CLOSED = 60;
/** uint8: how many entries of the oldest log cell have been dropped */
export const SKIPPED = 61;
/** uint8: 1 if the counter has changed since it was written to the journal */
export const CHANGED = 62;

/** uint32, in a log or key cell: the number of the next cell */
const NEXT_CELL = 0;
export const ENTRIES_PER_CELL = 5;
/** a closed entry: uint32 time (modulo 2³² ms), then float64 cost */
export const ENTRY_BYTES = 12;
export const WORDS_PER_CELL = 15;
/** the byte of a cell at which the entries of a log cell, or the 32-bit words of a key cell, begin */
export const BODY = 4;

declare const isCell: unique symbol;
declare const isCounter: unique symbol;
/** The number of a cell; 0 means "no cell". */
export type Cell = number & { readonly [isCell]: true };
/** The number of a counter cell; 0 means "no counter". */
export type Counter = Cell & { readonly [isCounter]: true };

export const NO_CELL = 0 as Cell;
export const NO_COUNTER = 0 as Counter;

/** The memory that the backend may use, and the memory that it uses now, in bytes. */
export type Budget = { readonly maxBytes: number; usedBytes: number };

/** The cells, in pages outside the garbage collector's heap. Only this file uses the fields. */
export type Cells = {
  readonly budget: Budget;
  readonly makeRoom: () => void;
  readonly pages: (Page | undefined)[];
  /** numbers of pages in which to look for free cells; some of them may be full again, or freed as a whole */
  readonly withRoom: number[];
  /** numbers of pages that were freed; new pages get these numbers first */
  readonly freed: number[];
  /** the page from which cells are allocated */
  current: number;
  /** the last cell that `sweepCells` has visited */
  hand: number;
};

/**
 * A page of cells. `used` is how many of them are allocated, `fresh` how many have ever been allocated. The freed cells
 * are a list: `firstFree` is 1 + the place of the first cell in this list, or 0 if the list is empty.
 */
type Page = { readonly view: DataView; used: number; firstFree: number; fresh: number };

const PAGE_BITS = 11;
const CELLS_PER_PAGE = 1 << PAGE_BITS;
const IN_PAGE = CELLS_PER_PAGE - 1;
/** the byte of a page at which the marks of its cells begin, one byte for each cell */
const MARKS = CELLS_PER_PAGE * CELL_BYTES;
const BUFFER_BYTES = MARKS + CELLS_PER_PAGE;

/** the bytes that a page takes: the buffer, rounded up to the machine's memory pages, and the objects that hold it */
const PAGE_BYTES = Math.ceil(BUFFER_BYTES / 4096) * 4096 + 512;

export function claim(budget: Budget, bytes: number): boolean {
  if (budget.usedBytes + bytes > budget.maxBytes) return false;
  budget.usedBytes += bytes;
  return true;
}

/**
 * Creates an empty store of cells. When no cell is free and the budget allows no new page, it calls `makeRoom`, which
 * must free at least one cell.
 */
export function emptyCells(budget: Budget, makeRoom: () => void): Cells {
  const cells = { budget, makeRoom, pages: [], withRoom: [], freed: [], current: 0, hand: 0 };
  addPage(cells);
  return cells;
}

/** Allocates a cell. Its content is undefined. */
export function takeCell(cells: Cells): Cell {
  if (!findRoom(cells) && !addPage(cells)) {
    cells.makeRoom();
    if (!findRoom(cells) && !addPage(cells))
      throw new RangeError("no counter could be evicted to free a cell");
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

/** Returns the page that contains the cell. The cell begins at `offset(cell)`. */
export function viewOf(cells: Cells, cell: Cell): DataView {
  return pageOf(cells, cell).view;
}

export function offset(cell: Cell): number {
  return (cell & IN_PAGE) * CELL_BYTES;
}

/** Returns the log or key cell that follows this one. */
export function nextCell(cells: Cells, cell: Cell): Cell {
  return viewOf(cells, cell).getUint32(offset(cell) + NEXT_CELL, true) as Cell;
}

export function setNextCell(cells: Cells, cell: Cell, following: Cell): void {
  viewOf(cells, cell).setUint32(offset(cell) + NEXT_CELL, following, true);
}

/** Returns the mark of a cell, a byte stored beside it: 0 unless `setMark` has marked the cell as a counter. */
export function markOf(cells: Cells, cell: Cell): number {
  return cells.pages[cell >>> PAGE_BITS]?.view.getUint8(MARKS + (cell & IN_PAGE)) ?? 0;
}

export function setMark(cells: Cells, cell: Cell, mark: number): void {
  viewOf(cells, cell).setUint8(MARKS + (cell & IN_PAGE), mark);
}

/**
 * Calls `visit` for each counter among the next `count` cells. Each sweep starts where the previous sweep stopped, and
 * after the last cell continues with the first. Stops early when `visit` returns true.
 */
export function sweepCells(cells: Cells, count: number, visit: (counter: Counter) => boolean): void {
  for (let left = count; left > 0; left -= 1) {
    const cell = cells.hand + 1;
    cells.hand = cell >>> PAGE_BITS < cells.pages.length ? cell : 0;
    const page = cells.pages[cells.hand >>> PAGE_BITS];
    if (page === undefined) cells.hand |= IN_PAGE;
    else if (page.view.getUint8(MARKS + (cells.hand & IN_PAGE)) !== 0 && visit(cells.hand as Counter)) return;
  }
}

/** Returns a number above the numbers of all cells. */
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
  const number = cells.freed.pop() ?? cells.pages.length;
  // Cell 0 counts as used, because the number 0 means "no cell" and must never be allocated. So the first page is
  // never freed.
  const used = number === 0 ? 1 : 0;
  cells.pages[number] = { view, used, firstFree: 0, fresh: used };
  cells.current = number;
  return true;
}

function dropPage(cells: Cells, number: number): void {
  cells.pages[number] = undefined;
  cells.freed.push(number);
  cells.budget.usedBytes -= PAGE_BYTES;
}
