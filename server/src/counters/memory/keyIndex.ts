import {
  BODY,
  type Budget,
  CELL_BYTES,
  type Cell,
  type Cells,
  type Counter,
  claim,
  freeCell,
  HASH,
  KEY,
  NEXT_COUNTER,
  NO_CELL,
  NO_COUNTER,
  nextCell,
  offset,
  setNextCell,
  takeCell,
  viewOf,
  WORDS_PER_CELL,
} from "./cells.ts";

/**
 * A hash table that finds counters by their keys. Each new counter splits one bucket in two (linear hashing), so no
 * call has to wait while the whole table is rebuilt. Only this file uses the fields.
 */
export type KeyIndex = {
  readonly cells: Cells;
  readonly budget: Budget;
  readonly packed: PackedKey;
  /** the first counter of each bucket; 0: the bucket is empty */
  readonly pages: Uint32Array[];
  /**
   * the largest power of two ≤ `buckets`. A new round of splits began when there were `half` buckets. In this round,
   * the first `buckets - half` buckets have been split so far
   */
  half: number;
  buckets: number;
  size: number;
};

const PAGE_BITS = 14;
const BUCKETS_PER_PAGE = 1 << PAGE_BITS;
/** the bytes that a page takes: the buffer and the objects that hold it */
const PAGE_BYTES = BUCKETS_PER_PAGE * 4 + 512;

export function emptyIndex(cells: Cells, budget: Budget): KeyIndex {
  const index = { cells, budget, packed: emptyPackedKey(), pages: [], half: 1, buckets: 1, size: 0 };
  addPage(index);
  return index;
}

/** Returns the counter with this key, or 0. */
export function findCounter(index: KeyIndex, key: string): Counter {
  const { cells, packed } = index;
  packKey(packed, key);
  let counter = firstOf(index, bucketOf(index, packed.hash));
  while (counter !== 0) {
    const view = viewOf(cells, counter);
    const at = offset(counter);
    const sameHash = view.getUint32(at + HASH, true) === packed.hash;
    if (sameHash && isStored(cells, packed, view.getUint32(at + KEY, true) as Cell)) return counter;
    counter = view.getUint32(at + NEXT_COUNTER, true) as Counter;
  }
  return NO_COUNTER;
}

/** Adds a counter, and allocates cells for its key. The key must not be in the index yet. */
export function insertCounter(index: KeyIndex, counter: Counter, key: string): void {
  const { cells, packed } = index;
  packKey(packed, key);
  const firstCell = storeKey(cells, packed);
  viewOf(cells, counter).setUint32(offset(counter) + HASH, packed.hash, true);
  viewOf(cells, counter).setUint32(offset(counter) + KEY, firstCell, true);
  prepend(index, bucketOf(index, packed.hash), counter);
  index.size += 1;
  if (index.size > index.buckets) addBucket(index);
}

/** Removes a counter and frees the cells of its key. */
export function removeCounter(index: KeyIndex, counter: Counter): void {
  const { cells } = index;
  const view = viewOf(cells, counter);
  unlink(index, bucketOf(index, view.getUint32(offset(counter) + HASH, true)), counter);
  let cell = view.getUint32(offset(counter) + KEY, true) as Cell;
  while (cell !== 0) {
    const following = nextCell(cells, cell);
    freeCell(cells, cell);
    cell = following;
  }
  index.size -= 1;
}

export function keyOf({ cells }: KeyIndex, counter: Counter): string {
  return readKey(cells, viewOf(cells, counter).getUint32(offset(counter) + KEY, true) as Cell);
}

function bucketOf({ half, buckets }: KeyIndex, hash: number): number {
  const bucket = hash & (2 * half - 1);
  return bucket < buckets ? bucket : hash & (half - 1);
}

function firstOf({ pages }: KeyIndex, bucket: number): Counter {
  return (pages[bucket >>> PAGE_BITS]?.[bucket & (BUCKETS_PER_PAGE - 1)] ?? 0) as Counter;
}

function setFirst({ pages }: KeyIndex, bucket: number, counter: Counter): void {
  const page = pages[bucket >>> PAGE_BITS];
  if (page !== undefined) page[bucket & (BUCKETS_PER_PAGE - 1)] = counter;
}

function nextOf({ cells }: KeyIndex, counter: Counter): Counter {
  return viewOf(cells, counter).getUint32(offset(counter) + NEXT_COUNTER, true) as Counter;
}

function setNext({ cells }: KeyIndex, counter: Counter, next: Counter): void {
  viewOf(cells, counter).setUint32(offset(counter) + NEXT_COUNTER, next, true);
}

function prepend(index: KeyIndex, bucket: number, counter: Counter): void {
  setNext(index, counter, firstOf(index, bucket));
  setFirst(index, bucket, counter);
}

function unlink(index: KeyIndex, bucket: number, counter: Counter): void {
  const next = nextOf(index, counter);
  let before = firstOf(index, bucket);
  if (before === counter) {
    setFirst(index, bucket, next);
    return;
  }
  while (nextOf(index, before) !== counter) before = nextOf(index, before);
  setNext(index, before, next);
}

/** Splits the next bucket in two. Does nothing if no memory is left; each bucket then holds more counters. */
function addBucket(index: KeyIndex): void {
  if (index.buckets >>> PAGE_BITS >= index.pages.length && !addPage(index)) return;
  const split = index.buckets - index.half;
  let counter = firstOf(index, split);
  setFirst(index, split, NO_COUNTER);
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

/** the maximum length of a key in UTF-16 units; the API allows far less */
const MAX_KEY_LENGTH = 16_384;

/**
 * A key as 32-bit words. The first word has the key's length, and whether its characters have 8 or 16 bits. Each
 * further word has four characters of 8 bits or two of 16 bits.
 */
export type PackedKey = { readonly words: Uint32Array; key: string; count: number; hash: number };

// Each process has another random seed, so that a client cannot send identifiers that all fall into the same bucket.
const [seed = 0, random = 0] = crypto.getRandomValues(new Uint32Array(2));
const factor = random | 1;

/** Creates a buffer for one packed key at a time. */
export function emptyPackedKey(): PackedKey {
  return { words: new Uint32Array(MAX_KEY_LENGTH / 2 + 1), key: "", count: 1, hash: 0 };
}

/** Packs `key` into the buffer, and overwrites the previous key. Throws a RangeError if the key is too long. */
export function packKey(packed: PackedKey, key: string): void {
  if (key === packed.key) return;
  if (key.length > MAX_KEY_LENGTH) {
    throw new RangeError(
      `A counter's key has ${key.length} characters. It may have at most ${MAX_KEY_LENGTH}.`,
    );
  }
  packed.count = packNarrow(packed.words, key) || packWide(packed.words, key);
  packed.hash = hashOf(packed);
  packed.key = key;
}

/** Allocates cells, writes a packed key into them, and returns the first cell. */
export function storeKey(cells: Cells, packed: PackedKey): Cell {
  let cell = NO_CELL;
  const lastCell = packed.count - 1 - ((packed.count - 1) % WORDS_PER_CELL);
  for (let word = lastCell; word >= 0; word -= WORDS_PER_CELL) {
    const following = cell;
    cell = takeCell(cells);
    const view = viewOf(cells, cell);
    setNextCell(cells, cell, following);
    for (let i = 0; i < WORDS_PER_CELL; i += 1) {
      view.setUint32(offset(cell) + BODY + 4 * i, packed.words[word + i] ?? 0, true);
    }
  }
  return cell;
}

/** Returns whether the cells from `firstCell` on contain this key. */
export function isStored(cells: Cells, packed: PackedKey, firstCell: Cell): boolean {
  let cell = firstCell;
  for (let word = 0; word < packed.count; word += WORDS_PER_CELL) {
    const view = viewOf(cells, cell);
    const at = offset(cell) + BODY;
    const end = Math.min(packed.count - word, WORDS_PER_CELL);
    for (let i = 0; i < end; i += 1) {
      if (view.getUint32(at + 4 * i, true) !== packed.words[word + i]) return false;
    }
    if (end === WORDS_PER_CELL) cell = nextCell(cells, cell);
  }
  return true;
}

/** Returns the key in the cells from `firstCell` on. */
export function readKey(cells: Cells, firstCell: Cell): string {
  const head = viewOf(cells, firstCell).getUint32(offset(firstCell) + BODY, true);
  const wide = head % 2 === 1;
  const units: number[] = [];
  let at = BODY + 4;
  for (let cell = firstCell; cell !== 0; cell = nextCell(cells, cell)) {
    const view = viewOf(cells, cell);
    for (; at < CELL_BYTES; at += wide ? 2 : 1) {
      units.push(wide ? view.getUint16(offset(cell) + at, true) : view.getUint8(offset(cell) + at));
    }
    at = BODY;
  }
  return String.fromCharCode(...units.slice(0, head >>> 1));
}

/** Packs a key with 8 bits for each character. Returns the number of words, or 0 if a character needs more bits. */
function packNarrow(words: Uint32Array, key: string): number {
  const whole = key.length & ~3;
  let all = 0;
  let count = 1;
  for (let i = 0; i < whole; i += 4) {
    const a = key.charCodeAt(i);
    const b = key.charCodeAt(i + 1);
    const c = key.charCodeAt(i + 2);
    const d = key.charCodeAt(i + 3);
    all |= a | b | c | d;
    words[count] = a | (b << 8) | (c << 16) | (d << 24);
    count += 1;
  }
  let rest = 0;
  for (let i = whole; i < key.length; i += 1) {
    all |= key.charCodeAt(i);
    rest |= key.charCodeAt(i) << (8 * (i - whole));
  }
  if (all > 0xff) return 0;
  words[0] = key.length * 2;
  words[count] = rest;
  return whole === key.length ? count : count + 1;
}

function packWide(words: Uint32Array, key: string): number {
  words[0] = key.length * 2 + 1;
  let count = 1;
  for (let i = 0; i < key.length; i += 2) {
    const second = i + 1 < key.length ? key.charCodeAt(i + 1) : 0;
    words[count] = key.charCodeAt(i) | (second << 16);
    count += 1;
  }
  return count;
}

function hashOf({ words, count }: PackedKey): number {
  let hash = seed;
  for (let i = 0; i < count; i += 1) {
    hash = Math.imul(hash ^ (words[i] ?? 0), factor);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
