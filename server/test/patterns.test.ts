import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { patternsIn, worstTexts } from "./patterns.ts";

const root = join(import.meta.dir, "../..");
const files = ["server/src", "sdk/src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => `${folder}/${path}`),
);
const patterns = new Map(
  files.flatMap((file) =>
    patternsIn(readFileSync(join(root, file), "utf8")).map((pattern) => [`${pattern} of ${file}`, pattern]),
  ),
);

const length = 16 * 1024;
/**
 * The time limit for a text. One pass over the text takes a hundredth of this limit. A pattern that makes a pass for
 * each character takes ten times the limit, or more.
 */
const mostMs = 10;

/** Returns the milliseconds of the fastest of several tries, since the machine may be busy with something else. */
function fastest(pattern: RegExp, text: string): number {
  const everywhere = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`);
  let leastMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 8 && leastMs > mostMs; tries += 1) {
    const startedAt = performance.now();
    text.replace(everywhere, "");
    leastMs = Math.min(leastMs, performance.now() - startedAt);
  }
  return leastMs;
}

/** Describes the first of a pattern's worst texts that takes too long. */
function tooLong(pattern: RegExp): string | undefined {
  for (const text of worstTexts(pattern, length)) {
    const ms = fastest(pattern, text);
    if (ms > mostMs) return `${Math.round(ms)} ms for ${JSON.stringify([text.slice(0, 60), text.slice(-5)])}`;
  }
  return undefined;
}

describe("a pattern takes no more than a few passes over 16 KB of its worst text:", () => {
  test.each([...patterns])("%s", (_, pattern) => {
    expect(tooLong(pattern)).toBeUndefined();
  });
});

const slow = [
  /^application\/json[ \t]*(;[ \t]*charset=("?)utf-8\2[ \t]*)?;?[ \t]*$/i,
  /\s+$/,
  /^(a+)+$/,
  /^a=(.*?)\s*$/,
  /^(?:x|xx)*y$/,
  /^"(?:[^"]|\\.)*\s*"*$/,
  /[a-z]*[a-z0-9]*!/,
  /^\{\d{3}(,\d*)*\d*\}$/,
];
test.each(slow.map((pattern) => [String(pattern), pattern] as const))(
  "a pattern that takes too long is noticed: %s",
  (_, pattern) => {
    expect(tooLong(pattern)).toContain("ms for");
  },
);

test("patterns are found anywhere in code, and not in comments or strings", () => {
  const source = [
    "// a comment/of/paths, /a+/",
    " * and /another+/ one",
    'const form = /^[/"]+\\/$/i;',
    "if (/a{2}/.test(text)) text.replace(/b/g, '');",
    'const path = "/v2/keys";',
  ].join("\n");
  expect(patternsIn(source).map(String)).toEqual(['/^[/"]+\\/$/i', "/a{2}/", "/b/g"]);
  expect(patterns.size).toBeGreaterThan(60);
});
