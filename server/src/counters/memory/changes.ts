import { type Cells, CHANGED, type Counter, DURATION, markOf, offset, viewOf } from "./cells.ts";

/** Which counters changed since the journal last recorded them; only windows longer than `recordAboveMs` are noted. */
export type Changes = { readonly recordAboveMs: number; counters: Counter[] };

export function isRecorded({ recordAboveMs }: Changes, cells: Cells, counter: Counter): boolean {
  return viewOf(cells, counter).getUint32(offset(counter) + DURATION, true) > recordAboveMs;
}

export function isChanged(cells: Cells, counter: Counter): boolean {
  return viewOf(cells, counter).getUint8(offset(counter) + CHANGED) === 1;
}

export function noteChanged(changes: Changes, cells: Cells, counter: Counter): void {
  if (!isRecorded(changes, cells, counter) || isChanged(cells, counter)) return;
  viewOf(cells, counter).setUint8(offset(counter) + CHANGED, 1);
  changes.counters.push(counter);
}

/** Clears the note of a change and returns whether there was one. By now the cell may hold anything. */
export function takeChange(cells: Cells, cell: Counter): boolean {
  if (markOf(cells, cell) === 0 || !isChanged(cells, cell)) return false;
  viewOf(cells, cell).setUint8(offset(cell) + CHANGED, 0);
  return true;
}
