import { type Cells, CHANGED, type Counter, DURATION, markOf, offset, viewOf } from "./cells.ts";

/**
 * The counters that have changed after they were last written to the journal. Only counters of windows longer than
 * `recordAboveMs` are written to the journal.
 */
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

/**
 * Marks the counter in a cell as unchanged, and returns whether it was marked as changed. Returns false if the cell is
 * no longer a counter.
 */
export function takeChange(cells: Cells, cell: Counter): boolean {
  if (markOf(cells, cell) === 0 || !isChanged(cells, cell)) return false;
  viewOf(cells, cell).setUint8(offset(cell) + CHANGED, 0);
  return true;
}
