import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { parsePrefixedKey, parseSha256 } from "./foreignKeys.ts";

test("a SHA-256 is the same from hex in either case, base64 and base64url, padded or not", () => {
  const property = fc.property(fc.string(), (text) => {
    const hash = createHash("sha256").update(text).digest();
    const url = hash.toString("base64url");
    const forms = [
      hash.toString("hex"),
      hash.toString("hex").toUpperCase(),
      hash.toString("base64"),
      hash.toString("base64").replace("=", ""),
      url,
      `${url}=`,
    ];
    expect(forms.map(parseSha256)).toEqual(forms.map(() => url));
  });
  fc.assert(property, { numRuns: 500 });
});

test("every text that is accepted as a SHA-256 becomes 32 bytes in their only base64url form", () => {
  const digits = fc.constantFrom(...Array.from("ABQYcgwaz019+/-_="));
  const property = fc.property(fc.array(digits, { minLength: 41, maxLength: 45 }), (all) => {
    const parsed = parseSha256(all.join(""));
    if (parsed === undefined) return;
    const bytes = Buffer.from(parsed, "base64url");
    expect([bytes.length, bytes.toString("base64url")]).toEqual([32, parsed]);
  });
  fc.assert(property, { numRuns: 5_000 });
});

test.each([
  "",
  "x",
  `${"A".repeat(42)}B`,
  "A".repeat(44),
  `${"A".repeat(43)}==`,
  ` ${"A".repeat(43)}`,
  "0".repeat(63),
])("%j is not one", (text) => {
  expect(parseSha256(text)).toBeUndefined();
});

test("a prefixed key has a prefix, a short and a long token; all but the last two parts are its prefix", () => {
  expect(parsePrefixedKey("co_BRTR_51Fw")).toEqual({ prefix: "co", start: "co_BRTR", longToken: "51Fw" });
  expect(parsePrefixedKey("a_b_c_d")).toEqual({ prefix: "a_b", start: "a_b_c_d", longToken: "d" });
  for (const key of ["", "abc", "abc_def"]) expect(parsePrefixedKey(key)).toBeUndefined();
});

test("the start of a prefixed key shows four characters of its tokens at most", () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9]{1,30}$/);
  const property = fc.property(part, part, part, (prefix, short, long) => {
    const parsed = parsePrefixedKey(`${prefix}_${short}_${long}`);
    expect(parsed?.longToken).toBe(long);
    expect(parsed?.start.length).toBeLessThanOrEqual(prefix.length + 5);
  });
  fc.assert(property);
});
