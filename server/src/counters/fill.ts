import { type Cells, markOf, offset, setMark, viewOf } from "./cells.ts";
import { LIMIT } from "./layout.ts";

/** The level of a counter whose limit is exhausted. Level 0 is no counter, level 1 an empty one. */
export const EXHAUSTED = 255;

/** How full counters are: each one's level is the mark of its cell. */
export type Levels = {
  readonly cells: Cells;
  /** how many counters there are of each level */
  readonly counts: Float64Array;
  counters: number;
};

/** A share that is small, and yet soon found by looking at one counter after the other. */
const LOWEST_SHARE = 1 / 64;

export function emptyLevels(cells: Cells): Levels {
  return { cells, counts: new Float64Array(EXHAUSTED + 1), counters: 0 };
}

/** Notes how much of which limit is used. */
export function noteFill(levels: Levels, counter: number, used: number, limit: number): void {
  viewOf(levels.cells, counter).setFloat32(offset(counter) + LIMIT, limit, true);
  noteUsed(levels, counter, used);
}

/** Notes how much is used of the limit noted last, and answers the level. */
export function noteUsed(levels: Levels, counter: number, used: number): number {
  const level = levelOf(used, viewOf(levels.cells, counter).getFloat32(offset(counter) + LIMIT, true));
  setLevel(levels, counter, level);
  return level;
}

/** Notes that the counter is gone. */
export function noteGone(levels: Levels, counter: number): void {
  setLevel(levels, counter, 0);
}

/** Up to which level counters are among the least filled; exhausted ones never are while there are others. */
export function lowestLevel({ counts, counters }: Levels): number {
  let sum = 0;
  let lowest = EXHAUSTED;
  for (let level = 1; level < EXHAUSTED; level += 1) {
    if ((counts[level] ?? 0) > 0) lowest = level;
    sum += counts[level] ?? 0;
    if (sum > counters * LOWEST_SHARE) break;
  }
  return lowest;
}

/** The limit is rounded to 24 bits: who is less than a millionth short of it counts as exhausted. */
function levelOf(used: number, limit: number): number {
  if (used === 0) return 1;
  return 1 + Math.floor(Math.min(1, used / limit + 1e-6) * (EXHAUSTED - 1));
}

function setLevel(levels: Levels, counter: number, level: number): void {
  const before = markOf(levels.cells, counter);
  if (before === level) return;
  setMark(levels.cells, counter, level);
  levels.counts[before] = (levels.counts[before] ?? 0) - 1;
  levels.counts[level] = (levels.counts[level] ?? 0) + 1;
  if (before === 0) levels.counters += 1;
  if (level === 0) levels.counters -= 1;
}
