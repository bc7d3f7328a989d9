import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Cell, type Cells, emptyCells } from "./cells.ts";
import { emptyPackedKey, isStored, packKey, readKey, storeKey } from "./keyIndex.ts";

const packed = emptyPackedKey();

function storedIn(cells: Cells, key: string): Cell {
  packKey(packed, key);
  return storeKey(cells, packed);
}

function isIn(cells: Cells, cell: Cell, key: string): boolean {
  packKey(packed, key);
  return isStored(cells, packed, cell);
}

/** Generates texts of UTF-16 units from 0 to `max`. If `max` is above 0xd7ff, a text may have unpaired surrogates. */
function textOf(max: number): fc.Arbitrary<string> {
  return fc.array(fc.nat(max), { maxLength: 130 }).map((units) => String.fromCharCode(...units));
}

test("a stored key equals itself and no other key", () => {
  const cells = emptyCells({ maxBytes: 2 ** 24, usedBytes: 0 }, () => {});
  const text = fc.oneof(textOf(0x7f), textOf(0xff), textOf(0xffff));
  const unit = fc.constantFrom("a", "b", "\0", "\ud800", "日");
  fc.assert(
    fc.property(text, text, fc.nat(130), unit, (key, other, at, changed) => {
      const cell = storedIn(cells, key);
      const similar = [key, other, key.slice(0, at) + changed + key.slice(at + 1), key + changed];
      return (
        readKey(cells, cell) === key && similar.every((tried) => isIn(cells, cell, tried) === (tried === key))
      );
    }),
  );
});

test("a key of 16-bit characters does not equal a key of 8-bit characters with the same bytes", () => {
  const cells = emptyCells({ maxBytes: 2 ** 20, usedBytes: 0 }, () => {});
  expect(isIn(cells, storedIn(cells, "ab"), "\u6261\0")).toBe(false);
});
