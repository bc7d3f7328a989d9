import { CELL_BYTES } from "./layout.ts";

/** How much memory may be used and how much is, in bytes. */
export type Budget = { readonly maxBytes: number; usedBytes: number };

/** Cells of 64 bytes in pages outside the garbage collector's heap. Its fields belong to this file. */
export type Cells = {
  readonly budget: Budget;
  readonly makeRoom: () => void;
  readonly pages: (Page | undefined)[];
  /** pages that were full and are not any more; may name pages that are full again, or gone */
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

/** `makeRoom` is called when the budget is spent and no cell is free; it must free one or more. */
export function emptyCells(budget: Budget, makeRoom: () => void): Cells {
  const cells = { budget, makeRoom, pages: [], withRoom: [], gone: [], current: 0, hand: 0 };
  addPage(cells);
  return cells;
}

/** A cell with any content. Its number is never 0. */
export function takeCell(cells: Cells): number {
  if (!findRoom(cells) && !addPage(cells)) {
    cells.makeRoom();
    if (!findRoom(cells) && !addPage(cells)) throw new RangeError("nothing could be forgotten to make room");
  }
  const first = cells.current << PAGE_BITS;
  const page = pageOf(cells, first);
  page.used += 1;
  if (page.firstFree === 0) {
    page.fresh += 1;
    return first + page.fresh - 1;
  }
  const place = page.firstFree - 1;
  page.firstFree = page.view.getUint32(place * CELL_BYTES, true);
  return first + place;
}

export function freeCell(cells: Cells, cell: number): void {
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
export function viewOf(cells: Cells, cell: number): DataView {
  return pageOf(cells, cell).view;
}

export function offset(cell: number): number {
  return (cell & IN_PAGE) * CELL_BYTES;
}

/** The byte beside a cell: 0 unless it was set since the cell was taken. */
export function markOf(cells: Cells, cell: number): number {
  return cells.pages[cell >>> PAGE_BITS]?.view.getUint8(MARKS + (cell & IN_PAGE)) ?? 0;
}

export function setMark(cells: Cells, cell: number, mark: number): void {
  viewOf(cells, cell).setUint8(MARKS + (cell & IN_PAGE), mark);
}

/** Looks at the next `looks` cells, round and round, and visits those that are marked until `visit` answers true. */
export function sweepCells(cells: Cells, looks: number, visit: (cell: number) => boolean): void {
  for (let left = looks; left > 0; left -= 1) {
    const cell = cells.hand + 1;
    cells.hand = cell >>> PAGE_BITS < cells.pages.length ? cell : 0;
    const page = cells.pages[cells.hand >>> PAGE_BITS];
    if (page === undefined) cells.hand |= IN_PAGE;
    else if (page.view.getUint8(MARKS + (cells.hand & IN_PAGE)) !== 0 && visit(cells.hand)) return;
  }
}

/** Above the number of every cell. */
export function endOfCells(cells: Cells): number {
  return cells.pages.length << PAGE_BITS;
}

function pageOf(cells: Cells, cell: number): Page {
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
  // Cell 0 stands for "none": it is used from the start and keeps the first page for good.
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
