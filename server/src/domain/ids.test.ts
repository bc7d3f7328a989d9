import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { type IdPrefix, idMaker } from "./ids.ts";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NOW_MS = Date.UTC(2025, 5, 1);
/** Six random bytes from which `idMaker` draws its highest number, 62^7 - 1. The letters of that number are zzzzzzz. */
const HIGHEST = [5, 4, 3, 2, 1, 0].map((i) => Math.floor((62 ** 7 - 1) / 256 ** i) % 256);

function base62Value(text: string): bigint {
  let value = 0n;
  for (const letter of text) value = value * 62n + BigInt(DIGITS.indexOf(letter));
  return value;
}

/** A source of bytes that all have one value. */
function constant(byte: number) {
  return (n: number) => new Uint8Array(n).fill(byte);
}

/** A source that repeats `pattern`. */
function repeating(pattern: readonly number[]) {
  return (n: number) => Uint8Array.from({ length: n }, (_, i) => pattern[i % pattern.length] ?? 0);
}

test("an id is its prefix, an underscore, 8 letters of time and 14 random letters", () => {
  const makeId = idMaker(randomBytes);
  const prefixes: IdPrefix[] = ["id", "key", "api", "rl", "perm", "role", "rlns", "rlor", "ws", "req"];
  for (const prefix of [...prefixes, "log", "root", "mig"] as const) {
    expect(makeId(prefix, NOW_MS)).toMatch(new RegExp(`^${prefix}_[0-9A-Za-z]{22}$`));
  }
});

test("the time part is the millisecond in base62", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 62 ** 8 - 1 }), (ms) => {
      const id = idMaker(randomBytes)("key", ms);
      expect(base62Value(id.slice(4, 12))).toBe(BigInt(ms));
    }),
  );
});

test("ids of one maker rise strictly in byte order, whatever the clock does and whatever the prefix", () => {
  const clock = fc.array(fc.integer({ min: NOW_MS - 3, max: NOW_MS + 3 }), { minLength: 2, maxLength: 200 });
  fc.assert(
    fc.property(clock, (times) => {
      const makeId = idMaker(randomBytes);
      const bodies = times.map((ms, i) => makeId(i % 2 ? "key" : "id", ms).replace(/^[a-z]+_/, ""));
      expect(bodies).toEqual([...new Set(bodies)].sort());
    }),
  );
});

test("if the clock is set back, ids keep the last time", () => {
  const makeId = idMaker(randomBytes);
  const before = makeId("log", NOW_MS);
  const after = makeId("log", NOW_MS - 3_600_000);
  expect(after.slice(0, 12)).toBe(before.slice(0, 12));
  expect(after > before).toBe(true);
});

test("within one millisecond the random part grows by a step of 1 to 2^20, carried over all letters", () => {
  for (const [byte, step] of [
    [0, 1n],
    [0x55, 0x55555n + 1n],
  ] as const) {
    const makeId = idMaker(constant(byte));
    let last = base62Value(makeId("key", NOW_MS).slice(12));
    for (let i = 0; i < 5000; i += 1) {
      const next = base62Value(makeId("key", NOW_MS).slice(12));
      expect(next - last).toBe(step);
      last = next;
    }
  }
});

test("steps lie between 1 and 2^20 and differ", () => {
  const makeId = idMaker(randomBytes);
  const values = Array.from({ length: 3000 }, () => base62Value(makeId("key", NOW_MS).slice(12)));
  const steps = values.slice(1).map((value, i) => value - (values[i] ?? 0n));
  expect(steps.every((step) => step >= 1n && step <= 1n << 20n)).toBe(true);
  expect(steps.some((step) => step > 1n << 19n)).toBe(true);
  expect(new Set(steps).size).toBeGreaterThan(2500);
});

test("a lower half that is used up carries into the upper one", () => {
  const makeId = idMaker(repeating([0, 0, 0, 0, 0, 5, ...HIGHEST])); // upper half 5, lower half 62^7 - 1
  const first = makeId("key", NOW_MS);
  const second = makeId("key", NOW_MS);
  expect(first.slice(12)).toBe("0000005zzzzzzz");
  expect(second.slice(12, 19)).toBe("0000006");
  expect(second > first).toBe(true);
});

test("an id whose random part is exhausted uses the next millisecond early, so that ids never fall back", () => {
  const makeId = idMaker(repeating(HIGHEST));
  const first = makeId("key", NOW_MS);
  const second = makeId("key", NOW_MS);
  expect(first.slice(12)).toBe("z".repeat(14));
  expect(base62Value(second.slice(4, 12))).toBe(BigInt(NOW_MS) + 1n);
  expect(second > first).toBe(true);
});

test("random letters are drawn evenly: draws that are too large are discarded, not folded", () => {
  const tooLarge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const seven = [0xfc, 0, 0, 0, 0, 7]; // the number 7, since the upper 6 of the 48 bits are ignored
  expect(idMaker(repeating([...tooLarge, ...seven]))("id", NOW_MS).slice(-14)).toBe("00000070000007");

  const counts = new Map<string, number>();
  const makeId = idMaker(randomBytes);
  for (let i = 1; i <= 12_400; i += 1) {
    for (const letter of makeId("id", NOW_MS + i).slice(-14))
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  expect(counts.size).toBe(62);
  for (const count of counts.values()) expect(Math.abs(count - 2800)).toBeLessThan(420); // eight standard deviations
});

test("random bytes are taken 4 KiB at a time and never used twice", () => {
  const sizes: number[] = [];
  const makeId = idMaker((n) => {
    sizes.push(n);
    return randomBytes(n);
  });
  const ids = Array.from({ length: 2000 }, (_, i) => makeId("req", NOW_MS + i));
  expect(new Set(sizes)).toEqual(new Set([4096]));
  expect(sizes.length).toBeGreaterThanOrEqual(6); // 2,000 ids take at least 24,000 bytes
  expect(new Set(ids.map((id) => id.slice(12))).size).toBe(2000);
});
