import type { NumberedCount } from "./tops.ts";

const smallest = 64;
/** the fraction of the slots that may be used before the table doubles */
const mostUsed = 0.75;
/** 2^32 divided by the golden ratio, so that consecutive numbers spread over the table */
const spread = 0x9e3779b1;
const largestNo = 2 ** 32 - 1;

/**
 * Adds up counts by the number of their subject, in a hash table of 12 bytes per slot. A `Map` would take four times as
 * much memory. The table takes at most `mostBytes`. While the table is copied to one of twice its size, both take at
 * most 1.5 times `mostBytes`.
 */
export function sumsByNumber(mostBytes: number) {
  let numbers = new Uint32Array(smallest); // 0: the slot is free; no name has the number 0
  let counts = new Float64Array(smallest); // 0 in each free slot
  let used = 0;

  const bytes = () => numbers.byteLength + counts.byteLength;

  /** Doubles the table. Returns false if it would take more than `mostBytes`. */
  function grow(): boolean {
    if (bytes() * 2 > mostBytes) return false;
    const [oldNumbers, oldCounts] = [numbers, counts];
    numbers = new Uint32Array(oldNumbers.length * 2);
    counts = new Float64Array(numbers.length);
    oldNumbers.forEach((no, old) => {
      if (no === 0) return;
      const slot = slotOf(numbers, no);
      numbers[slot] = no;
      counts[slot] = oldCounts[old] ?? 0;
    });
    return true;
  }

  /** Adds a number that has no slot yet. Returns false if the table is full and may not grow. */
  function addNew(no: number, count: number): boolean {
    if (used + 1 > numbers.length * mostUsed && !grow()) return false;
    const slot = slotOf(numbers, no);
    numbers[slot] = no;
    counts[slot] = count;
    used += 1;
    return true;
  }

  return {
    /**
     * Adds a count to the sum of a number. Returns false, and adds nothing, if the number is not from 1 to 2^32 - 1, or
     * if the table is full and may not grow.
     */
    add(no: number, count: number): boolean {
      if (no < 1 || no > largestNo) return false;
      const slot = slotOf(numbers, no);
      if (numbers[slot] === 0) return count === 0 || addNew(no, count);
      const sum = (counts[slot] ?? 0) + count;
      counts[slot] = sum;
      if (sum !== 0) return true;
      free(numbers, counts, slot);
      used -= 1;
      return true;
    },
    bytes,
    /** Returns the numbers with the largest positive sums, largest first; of equal sums, the smaller number first. */
    largest(limit: number): NumberedCount[] {
      const top: NumberedCount[] = [];
      let least = 1;
      counts.forEach((count, slot) => {
        if (count < least) return;
        insertInOrder(top, { no: numbers[slot] ?? 0, count });
        if (top.length > limit) top.pop();
        if (top.length === limit) least = top.at(-1)?.count ?? 1;
      });
      return top;
    },
  };
}

/** the slot at which the search for a number begins */
const homeOf = (numbers: Uint32Array, no: number) => (Math.imul(no, spread) >>> 8) & (numbers.length - 1);

/** Returns the slot of a number. If the number has no slot, returns the free slot at which the search for it ends. */
function slotOf(numbers: Uint32Array, no: number): number {
  const mask = numbers.length - 1;
  let slot = homeOf(numbers, no);
  while (numbers[slot] !== 0 && numbers[slot] !== no) slot = (slot + 1) & mask;
  return slot;
}

/**
 * Frees a used slot. Every search ends at the first free slot, so entries behind it that a search would no longer reach
 * are moved forward.
 */
function free(numbers: Uint32Array, counts: Float64Array, slot: number): void {
  const mask = numbers.length - 1;
  let hole = slot;
  for (let at = (hole + 1) & mask; numbers[at] !== 0; at = (at + 1) & mask) {
    const no = numbers[at] ?? 0;
    const isHomeAfterHole = ((at - homeOf(numbers, no)) & mask) < ((at - hole) & mask);
    if (isHomeAfterHole) continue;
    numbers[hole] = no;
    counts[hole] = counts[at] ?? 0;
    hole = at;
  }
  numbers[hole] = 0;
  counts[hole] = 0;
}

function insertInOrder(top: NumberedCount[], one: NumberedCount): void {
  const next = top.findIndex(({ no, count }) => count < one.count || (count === one.count && no > one.no));
  top.splice(next === -1 ? top.length : next, 0, one);
}
