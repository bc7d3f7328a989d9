import { type Budget, type Cells, claim, freeCell, offset, viewOf } from "./cells.ts";
import { isStored, type PackedKey, packedKey, packKey, readKey, storeKey } from "./keyPacker.ts";
import { HASH, KEY, NEXT_CELL, NEXT_COUNTER } from "./layout.ts";

/**
 * Finds counters by their keys: linear hashing, where each new counter adds one bucket, so that no call ever waits
 * for a rehash. Its fields belong to this file.
 */
export type KeyIndex = {
  readonly cells: Cells;
  readonly budget: Budget;
  readonly packed: PackedKey;
  /** the first counter of each bucket, or 0 */
  readonly pages: Uint32Array[];
  /** the largest power of two ≤ buckets; the buckets up to `buckets - half` and from `half` on are split */
  half: number;
  buckets: number;
  size: number;
};

const PAGE_BITS = 14;
const BUCKETS_PER_PAGE = 1 << PAGE_BITS;
/** the buffer and the objects that hold it */
const PAGE_BYTES = BUCKETS_PER_PAGE * 4 + 512;

export function emptyIndex(cells: Cells, budget: Budget): KeyIndex {
  const index = { cells, budget, packed: packedKey(), pages: [], half: 1, buckets: 1, size: 0 };
  addPage(index);
  return index;
}

/** The counter with that key, or 0. */
export function findCounter(index: KeyIndex, key: string): number {
  const { cells, packed } = index;
  packKey(packed, key);
  let counter = firstOf(index, bucketOf(index, packed.hash));
  while (counter !== 0) {
    const view = viewOf(cells, counter);
    const at = offset(counter);
    const sameHash = view.getUint32(at + HASH, true) === packed.hash;
    if (sameHash && isStored(cells, packed, view.getUint32(at + KEY, true))) return counter;
    counter = view.getUint32(at + NEXT_COUNTER, true);
  }
  return 0;
}

/** Enters a counter whose key is not there yet; takes cells for the key. */
export function insertCounter(index: KeyIndex, counter: number, key: string): void {
  const { cells, packed } = index;
  packKey(packed, key);
  const firstCell = storeKey(cells, packed);
  viewOf(cells, counter).setUint32(offset(counter) + HASH, packed.hash, true);
  viewOf(cells, counter).setUint32(offset(counter) + KEY, firstCell, true);
  prepend(index, bucketOf(index, packed.hash), counter);
  index.size += 1;
  if (index.size > index.buckets) addBucket(index);
}

/** Takes a counter out and frees the cells of its key. */
export function removeCounter(index: KeyIndex, counter: number): void {
  const { cells } = index;
  const view = viewOf(cells, counter);
  unlink(index, bucketOf(index, view.getUint32(offset(counter) + HASH, true)), counter);
  let cell = view.getUint32(offset(counter) + KEY, true);
  while (cell !== 0) {
    const following = viewOf(cells, cell).getUint32(offset(cell) + NEXT_CELL, true);
    freeCell(cells, cell);
    cell = following;
  }
  index.size -= 1;
}

export function keyOf({ cells }: KeyIndex, counter: number): string {
  return readKey(cells, viewOf(cells, counter).getUint32(offset(counter) + KEY, true));
}

function bucketOf({ half, buckets }: KeyIndex, hash: number): number {
  const bucket = hash & (2 * half - 1);
  return bucket < buckets ? bucket : hash & (half - 1);
}

function firstOf({ pages }: KeyIndex, bucket: number): number {
  return pages[bucket >>> PAGE_BITS]?.[bucket & (BUCKETS_PER_PAGE - 1)] ?? 0;
}

function setFirst({ pages }: KeyIndex, bucket: number, counter: number): void {
  const page = pages[bucket >>> PAGE_BITS];
  if (page !== undefined) page[bucket & (BUCKETS_PER_PAGE - 1)] = counter;
}

function nextOf({ cells }: KeyIndex, counter: number): number {
  return viewOf(cells, counter).getUint32(offset(counter) + NEXT_COUNTER, true);
}

function setNext({ cells }: KeyIndex, counter: number, next: number): void {
  viewOf(cells, counter).setUint32(offset(counter) + NEXT_COUNTER, next, true);
}

function prepend(index: KeyIndex, bucket: number, counter: number): void {
  setNext(index, counter, firstOf(index, bucket));
  setFirst(index, bucket, counter);
}

function unlink(index: KeyIndex, bucket: number, counter: number): void {
  const next = nextOf(index, counter);
  let before = firstOf(index, bucket);
  if (before === counter) {
    setFirst(index, bucket, next);
    return;
  }
  while (nextOf(index, before) !== counter) before = nextOf(index, before);
  setNext(index, before, next);
}

/** Splits the next bucket in two. Without memory for it the buckets just hold more. */
function addBucket(index: KeyIndex): void {
  if (index.buckets >>> PAGE_BITS >= index.pages.length && !addPage(index)) return;
  const split = index.buckets - index.half;
  let counter = firstOf(index, split);
  setFirst(index, split, 0);
  index.buckets += 1;
  while (counter !== 0) {
    const next = nextOf(index, counter);
    const hash = viewOf(index.cells, counter).getUint32(offset(counter) + HASH, true);
    prepend(index, bucketOf(index, hash), counter);
    counter = next;
  }
  if (index.buckets === 2 * index.half) index.half = index.buckets;
}

function addPage(index: KeyIndex): boolean {
  if (!claim(index.budget, PAGE_BYTES)) return false;
  index.pages.push(new Uint32Array(BUCKETS_PER_PAGE));
  return true;
}
