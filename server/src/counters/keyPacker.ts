import { type Cells, offset, takeCell, viewOf } from "./cells.ts";
import { BODY, CELL_BYTES, NEXT_CELL, WORDS_PER_CELL } from "./layout.ts";

/** The longest key that can be counted, in UTF-16 units; the API allows far less. */
const MAX_KEY_LENGTH = 16_384;

/** A key as 32-bit words: a head for length and width, then four 8-bit or two 16-bit units in each word. */
export type PackedKey = { readonly words: Uint32Array; key: string; count: number; hash: number };

// Drawn anew by each process, so that nobody outside can choose identifiers that share a bucket.
const [seed = 0, random = 0] = crypto.getRandomValues(new Uint32Array(2));
const factor = random | 1;

/** A place to pack one key after the other. */
export function packedKey(): PackedKey {
  return { words: new Uint32Array(MAX_KEY_LENGTH / 2 + 1), key: "", count: 1, hash: 0 };
}

/** Packs `key` over the one that was there; RangeError when it is too long. */
export function packKey(packed: PackedKey, key: string): void {
  if (key === packed.key) return;
  if (key.length > MAX_KEY_LENGTH) throw new RangeError(`a counter's key has ${key.length} characters`);
  packed.count = packNarrow(packed.words, key) || packWide(packed.words, key);
  packed.hash = hashOf(packed);
  packed.key = key;
}

/** Writes the key to new cells and answers the first. */
export function storeKey(cells: Cells, packed: PackedKey): number {
  let cell = 0;
  const lastCell = packed.count - 1 - ((packed.count - 1) % WORDS_PER_CELL);
  for (let word = lastCell; word >= 0; word -= WORDS_PER_CELL) {
    const following = cell;
    cell = takeCell(cells);
    const view = viewOf(cells, cell);
    view.setUint32(offset(cell) + NEXT_CELL, following, true);
    for (let i = 0; i < WORDS_PER_CELL; i += 1) {
      view.setUint32(offset(cell) + BODY + 4 * i, packed.words[word + i] ?? 0, true);
    }
  }
  return cell;
}

/** Whether this is the key that was stored in these cells. */
export function isStored(cells: Cells, packed: PackedKey, firstCell: number): boolean {
  let cell = firstCell;
  for (let word = 0; word < packed.count; word += WORDS_PER_CELL) {
    const view = viewOf(cells, cell);
    const at = offset(cell) + BODY;
    const end = Math.min(packed.count - word, WORDS_PER_CELL);
    for (let i = 0; i < end; i += 1) {
      if (view.getUint32(at + 4 * i, true) !== packed.words[word + i]) return false;
    }
    cell = view.getUint32(offset(cell) + NEXT_CELL, true);
  }
  return true;
}

/** The key that was stored in these cells. */
export function readKey(cells: Cells, firstCell: number): string {
  const head = viewOf(cells, firstCell).getUint32(offset(firstCell) + BODY, true);
  const wide = head % 2 === 1;
  const units: number[] = [];
  let at = BODY + 4;
  for (
    let cell = firstCell;
    cell !== 0;
    cell = viewOf(cells, cell).getUint32(offset(cell) + NEXT_CELL, true)
  ) {
    const view = viewOf(cells, cell);
    for (; at < CELL_BYTES; at += wide ? 2 : 1) {
      units.push(wide ? view.getUint16(offset(cell) + at, true) : view.getUint8(offset(cell) + at));
    }
    at = BODY;
  }
  return String.fromCharCode(...units.slice(0, head >>> 1));
}

/** How many words it wrote; 0 when a character does not fit in eight bits. */
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
