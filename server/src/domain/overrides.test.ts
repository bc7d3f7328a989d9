import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findOverride, overrideTable } from "./overrides.ts";

const override = (identifier: string, id = identifier) => ({ id, identifier, limit: 1, durationMs: 1_000 });
const covers = (pattern: string, text: string) =>
  findOverride(overrideTable([override(pattern)]), text) !== undefined;

/** What a pattern means, said by another matcher. */
function expected(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
  return pattern === text || new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

const few = (letters: string[], maxLength: number) =>
  fc.array(fc.constantFrom(...letters), { maxLength }).map((all) => all.join(""));

test("a pattern covers what the same regular expression does, whatever is in it", () => {
  const property = fc.property(few(["a", "b", "*", "aba"], 8), few(["a", "b", "ab"], 10), (pattern, text) => {
    expect([pattern, text, covers(pattern, text)]).toEqual([pattern, text, expected(pattern, text)]);
  });
  fc.assert(property, { numRuns: 5_000 });
});

test("all but * is literal: signs of regular expressions, newlines, letters beyond ASCII, a * in the text", () => {
  const signs = ["*", ".", "\\", "[", "(", "$", "\n", "é", "😀", "a"];
  const property = fc.property(few(signs, 6), few(signs, 8), (pattern, text) => {
    expect([pattern, text, covers(pattern, text)]).toEqual([pattern, text, expected(pattern, text)]);
  });
  fc.assert(property, { numRuns: 5_000 });
});

test.each([
  ["user_*", "user_", true],
  ["user_*", "User_1", false],
  ["*@example.com", "a@example.com", true],
  ["*@example.com", "a@example.com.evil", false],
  ["ab*ba", "aba", false], // no character counts for both ends
  ["a*b*c", "a-c-b", false],
  ["**", "", true],
  ["a*a*a", "aa", false],
])("%j over %j: %p", (pattern, text, covered) => {
  expect(covers(pattern, text)).toBe(covered);
});

describe("of several overrides that cover an identifier,", () => {
  const winner = (identifiers: string[], text: string) => {
    const all = identifiers.map((identifier) => override(identifier));
    const both = [overrideTable(all), overrideTable([...all].reverse())];
    const found = both.map((table) => findOverride(table, text)?.identifier);
    expect(found[0]).toBe(found[1]); // in whatever order they come
    return found[0];
  };

  test("the one for just it wins, also where it holds a * itself", () => {
    expect(winner(["user_*", "user_1", "*"], "user_1")).toBe("user_1");
    expect(winner(["user_*", "user_**"], "user_*")).toBe("user_*");
  });

  test("the longer literal part wins, and a tie always goes the same way", () => {
    expect(winner(["*", "u*", "user_*", "*_1"], "user_1")).toBe("user_*");
    expect(winner(["a*", "*b"], "ab")).toBe("*b");
    expect(winner(["x*"], "user_1")).toBeUndefined();
  });
});

test("a pattern made to be slow, of 255 stars, is judged thousands of times within a test", () => {
  const pattern = `${"a*".repeat(255)}b`;
  const text = `${"a".repeat(511)}c`;
  for (let i = 0; i < 2_000; i += 1) expect(covers(pattern, text)).toBe(false);
  expect(covers(`${"a*".repeat(255)}`, text)).toBe(true);
});
