import type { NumberedCount } from "./tops.ts";

const smallest = 64;
/** the share of the slots that may be used before the table doubles */
const mostUsed = 0.75;
/** 2^32 divided by the golden ratio, so that consecutive numbers spread over the table */
const spread = 0x9e3779b1;

/** Sums by number, in a hash table of 12 bytes per slot. A `Map` would take four times as much. The numbers must be less than 2^32. */
export function sumsByNumber() {
  let numbers = new Uint32Array(smallest); // 0: the slot is free, since no name has this number
  let counts = new Float64Array(smallest);
  let used = 0;

  function slotOf(no: number): number {
    const mask = numbers.length - 1;
    let slot = (Math.imul(no, spread) >>> 8) & mask;
    while (numbers[slot] !== 0 && numbers[slot] !== no) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const [oldNumbers, oldCounts] = [numbers, counts];
    numbers = new Uint32Array(oldNumbers.length * 2);
    counts = new Float64Array(numbers.length);
    oldNumbers.forEach((no, old) => {
      if (no === 0) return;
      const slot = slotOf(no);
      numbers[slot] = no;
      counts[slot] = oldCounts[old] ?? 0;
    });
  }

  return {
    add(no: number, count: number): void {
      let slot = slotOf(no);
      if (numbers[slot] === 0) {
        used += 1;
        if (used > numbers.length * mostUsed) {
          grow();
          slot = slotOf(no);
        }
        numbers[slot] = no;
      }
      counts[slot] = (counts[slot] ?? 0) + count;
    },
    bytes: () => numbers.byteLength + counts.byteLength,
    /** Returns the numbers with the largest sums that are positive, the largest first. Of equal sums, the smaller number is first. */
    largest(limit: number): NumberedCount[] {
      const top: NumberedCount[] = [];
      let least = 1;
      counts.forEach((count, slot) => {
        if (count < least) return;
        insert(top, { no: numbers[slot] ?? 0, count });
        if (top.length > limit) top.pop();
        if (top.length === limit) least = top.at(-1)?.count ?? 1;
      });
      return top;
    },
  };
}

function insert(top: NumberedCount[], one: NumberedCount): void {
  const next = top.findIndex(({ no, count }) => count < one.count || (count === one.count && no > one.no));
  top.splice(next === -1 ? top.length : next, 0, one);
}
