import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findOverride, groupsFor, overrideTable } from "./overrides.ts";

const override = (identifier: string, id = identifier) => ({ id, identifier, limit: 1, durationMs: 1_000 });
const covers = (pattern: string, text: string) =>
  findOverride(overrideTable([override(pattern)]), text) !== undefined;

/** Whether the pattern matches the text, decided by an independent implementation. */
function expected(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
  return pattern === text || new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

const few = (letters: string[], maxLength: number) =>
  fc.array(fc.constantFrom(...letters), { maxLength }).map((all) => all.join(""));

test("a pattern matches what the equivalent regular expression matches", () => {
  const property = fc.property(few(["a", "b", "*", "aba"], 8), few(["a", "b", "ab"], 10), (pattern, text) => {
    expect([pattern, text, covers(pattern, text)]).toEqual([pattern, text, expected(pattern, text)]);
  });
  fc.assert(property, { numRuns: 5_000 });
});

test("every character but * is literal, also signs of regular expressions, newlines and letters beyond ASCII", () => {
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
  ["ab*ba", "aba", false], // the two parts may not share a character
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
    expect(found[0]).toBe(found[1]); // the order of the overrides does not matter
    return found[0];
  };

  test("the one for exactly this identifier wins, even if the identifier contains a *", () => {
    expect(winner(["user_*", "user_1", "*"], "user_1")).toBe("user_1");
    expect(winner(["user_*", "user_**"], "user_*")).toBe("user_*");
  });

  test("the longer literal part wins, and a tie always goes the same way", () => {
    expect(winner(["*", "u*", "user_*", "*_1"], "user_1")).toBe("user_*");
    expect(winner(["a*", "*b"], "ab")).toBe("*b");
    expect(winner(["x*"], "user_1")).toBeUndefined();
  });
});

test("of many overrides, the look-up finds the same one as a comparison with each of them", () => {
  const pattern = few(["a", "b", "c", "*", "abcab", "bca"], 7);
  const property = fc.property(
    fc.uniqueArray(pattern, { minLength: 20, maxLength: 80 }),
    few(["a", "b", "c", "abcab", "bca"], 6),
    (patterns, text) => {
      const found = findOverride(overrideTable(patterns.map((one) => override(one))), text)?.identifier;
      const literal = (one: string) => one.replaceAll("*", "").length;
      const covering = patterns.filter((one) => one.includes("*") && expected(one, text));
      const ranked = covering.sort((a, b) => literal(b) - literal(a) || (a < b ? -1 : 1));
      expect([patterns, text, found]).toEqual([patterns, text, patterns.includes(text) ? text : ranked[0]]);
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});

test.each<[string, (n: number) => string]>([
  ["a beginning", (n) => `user_${n}_*`],
  ["an end", (n) => `*@customer-${n}.example.com`],
  ["a middle", (n) => `*/tenants/${n}/*`],
  ["one end in common", (n) => `user_*_${n}`],
  ["a long beginning in common", (n) => `https://api.example.com/v1/organizations/${n}/*`],
])(
  "what an identifier costs does not grow with the patterns that cannot cover it: patterns with %s",
  (_, make) => {
    const asked = (count: number, identifier: string) => {
      const table = overrideTable(
        Array.from({ length: count }, (_, n) => override(make(1_000_000 + n * 7_919))),
      );
      return groupsFor(table, identifier).reduce((sum, group) => sum + group.length, 0);
    };
    const covered = make(1_000_000 + 42 * 7_919).replaceAll("*", "x");
    for (const identifier of [covered, "unrelated", make(999_999).replaceAll("*", "x")]) {
      expect(asked(10_000, identifier)).toBeLessThan(200);
    }
    expect(asked(10_000, "unrelated")).toBe(0);
  },
);

test("a pattern made to be slow, of 255 stars, is judged thousands of times within a test", () => {
  const pattern = `${"a*".repeat(255)}b`;
  const text = `${"a".repeat(511)}c`;
  for (let i = 0; i < 2_000; i += 1) expect(covers(pattern, text)).toBe(false);
  expect(covers(`${"a*".repeat(255)}`, text)).toBe(true);
});
