import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { hashKey } from "./runtime.ts";

const texts = [
  "",
  "prod_2cGKbMxRyIzhCxo1Idjz8q",
  "é",
  "ключ",
  "\u{1f511}",
  "\ud800",
  "\u0000",
  "x".repeat(10_000),
];

test("the hash of a key is the SHA-256 of its UTF-8 in base64url without padding", () => {
  const expected = (text: string) => createHash("sha256").update(text, "utf8").digest("base64url");
  for (const text of texts) expect([text, hashKey(text)]).toEqual([text, expected(text)]);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => hashKey(text) === expected(text)));
});
