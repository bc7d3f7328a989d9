import { expect, test } from "bun:test";
import fc from "fast-check";
import { memberPath } from "./location.ts";

test.each([
  ["body", "meta", "body.meta"],
  ["body", "$a_1", "body.$a_1"],
  ["", "meta", "meta"],
  ["", "odd name", '["odd name"]'],
  ["body.ratelimits", 0, "body.ratelimits[0]"],
  ["body.ratelimits[0]", "limit", "body.ratelimits[0].limit"],
  ["body.meta", "odd name", 'body.meta["odd name"]'],
  ["body.meta", "0", 'body.meta["0"]'],
  ["body.meta", "", 'body.meta[""]'],
  ["body.meta", 'a"]b', 'body.meta["a\\"]b"]'],
  ["body.meta", "é", 'body.meta["é"]'],
  ["body.meta", "\ud800\0", 'body.meta["\\ud800\\u0000"]'],
] as const)("below %s the member %p is %s", (parent, member, path) => {
  expect(memberPath(parent, member)).toBe(path);
});

test("a name of 100 UTF-16 units is shown in full, and a longer one is cut, but never within a character", () => {
  expect(memberPath("body", "a".repeat(100))).toBe(`body.${"a".repeat(100)}`);
  expect(memberPath("body", "a".repeat(101))).toBe(`body["${"a".repeat(100)}…"]`);
  expect(memberPath("body", `${"a".repeat(99)}😀${"b".repeat(1_000_000)}`)).toBe(
    `body["${"a".repeat(99)}…"]`,
  );
});

test("two short names never have the same path, and a path never holds control characters", () => {
  const name = fc.string({ unit: "binary", maxLength: 100 }).filter((text) => text.length <= 100);
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(memberPath("body", a) === memberPath("body", b)).toBe(a === b);
      expect(memberPath("body", a)).not.toMatch(/\p{Cc}/u);
    }),
  );
});
