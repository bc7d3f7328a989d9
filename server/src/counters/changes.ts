import { type Cells, markOf, offset, viewOf } from "./cells.ts";
import { CHANGED, DURATION } from "./layout.ts";

/** Which counters changed since they were last written down; only those of windows longer than that are noted. */
export type Changes = { readonly recordAboveMs: number; counters: number[] };

export function isRecorded({ recordAboveMs }: Changes, cells: Cells, counter: number): boolean {
  return viewOf(cells, counter).getUint32(offset(counter) + DURATION, true) > recordAboveMs;
}

export function isChanged(cells: Cells, counter: number): boolean {
  return viewOf(cells, counter).getUint8(offset(counter) + CHANGED) === 1;
}

export function noteChanged(changes: Changes, cells: Cells, counter: number): void {
  if (!isRecorded(changes, cells, counter) || isChanged(cells, counter)) return;
  viewOf(cells, counter).setUint8(offset(counter) + CHANGED, 1);
  changes.counters.push(counter);
}

/** Whether the counter of this cell was noted; it is not any more. The cell may be anything by now. */
export function takeChange(cells: Cells, cell: number): boolean {
  if (markOf(cells, cell) === 0 || !isChanged(cells, cell)) return false;
  viewOf(cells, cell).setUint8(offset(cell) + CHANGED, 0);
  return true;
}
