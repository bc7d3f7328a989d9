import { expect, test } from "bun:test";
import fc from "fast-check";
import { readHex, sameBytes, unescaped } from "./jsonBytes.ts";

test("two ranges are equal only if every byte is, even if one starts like the other", () => {
  const stretch = fc.uint8Array({ maxLength: 4, max: 2 });
  fc.assert(
    fc.property(stretch, stretch, stretch, (a, gap, b) => {
      const bytes = Uint8Array.from([...a, ...gap, ...b]);
      const start = a.length + gap.length;
      expect(sameBytes(bytes, 0, a.length, start, bytes.length)).toBe(a.join() === b.join());
    }),
    { numRuns: 1000 },
  );
});

test("exactly four hexadecimal digits in upper or lower case are read", () => {
  const read = (text: string) => readHex(new TextEncoder().encode(text), 0);
  expect(["0000", "00e9", "D83d", "fFfF"].map(read)).toEqual([0, 0xe9, 0xd83d, 0xffff]);
  expect(["", "12", "00g0", "+123", " 123", "12é"].map(read)).toEqual([-1, -1, -1, -1, -1, -1]);
});

test("a string keeps its byte order mark, and keeps its escapes if one is broken", () => {
  const read = (text: string) => unescaped(new TextEncoder().encode(text));
  expect(read("\uFEFFa\\u0062")).toBe("\uFEFFab");
  expect(read("a\\x")).toBe("a\\x");
});
