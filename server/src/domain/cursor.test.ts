import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeCursor, encodeCursor } from "./cursor.ts";

const anId = fc
  .tuple(fc.stringMatching(/^[a-z]{1,6}$/), fc.stringMatching(/^[A-Za-z0-9]{1,64}$/))
  .map(([prefix, rest]) => `${prefix}_${rest}`);

function base64Of(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
}

test("a cursor is cursor_ and the base64url of an object with the key", () => {
  expect(encodeCursor("key_1234")).toBe("cursor_eyJrZXkiOiJrZXlfMTIzNCJ9");
});

test.each([
  ["cursor_eyJrZXkiOiJrZXlfMTIzNCJ9", "key_1234"],
  ["eyJrZXkiOiJwZXJtXzEyMzQifQ==", "perm_1234"],
])("the documents' example %s is a position", (text, id) => {
  expect(decodeCursor(text)).toBe(id);
});

test("a cursor gives back its id in either base64 alphabet, with or without padding", () => {
  fc.assert(
    fc.property(anId, fc.boolean(), fc.constantFrom("key", "lastId"), (id, withPrefix, member) => {
      const prefix = withPrefix ? "cursor_" : "";
      const padded = base64Of({ [member]: id });
      const url = padded.replaceAll("+", "-").replaceAll("/", "_");
      const spellings = [padded, padded.replaceAll("=", ""), url, url.replaceAll("=", "")];
      for (const spelling of spellings) expect(decodeCursor(prefix + spelling)).toBe(id);
      expect(encodeCursor(id)).toMatch(/^cursor_[A-Za-z0-9_-]+$/);
      expect(decodeCursor(encodeCursor(id))).toBe(id);
    }),
  );
});

test("characters in which the two base64 alphabets differ are read", () => {
  const text = base64Of({ note: "~~~???>>>ÿÿ", key: "id_1" });
  expect(text).toMatch(/[+/]/);
  expect(decodeCursor(text)).toBe("id_1");
  expect(decodeCursor(text.replaceAll("+", "-").replaceAll("/", "_"))).toBe("id_1");
});

test("`key` wins over `lastId`, even if `key` is not an id", () => {
  expect(decodeCursor(base64Of({ lastId: "id_2", key: "id_1" }))).toBe("id_1");
  expect(decodeCursor(base64Of({ lastId: "id_2", key: 5 }))).toBeUndefined();
});

test.each([
  ["an empty text", ""],
  ["the bare prefix", "cursor_"],
  ["padding alone", "cursor_=="],
  ["a bare id", "key_1234"],
  ["another prefix", `page_${base64Of({ key: "key_1234" })}`],
  ["the prefix twice", `cursor_cursor_${base64Of({ key: "key_1234" })}`],
  ["letters around it", ` ${base64Of({ key: "key_1234" })}\n`],
  ["too much padding", `${base64Of({ key: "key_12" })}===`],
  ["base64 of no JSON", base64Of("key_1234")],
  ["base64 of two objects", base64Of('{"key":"key_1"}{}')],
  ["a string", base64Of('"key_1234"')],
  ["null", base64Of("null")],
  ["an array", base64Of(["key_1234"])],
  ["no member of ours", base64Of({ id: "key_1234" })],
  ["a number", base64Of({ key: -1 })],
  ["an object", base64Of({ key: { key: "key_1" } })],
  ["a key behind __proto__", base64Of('{"__proto__":{"key":"key_1"}}')],
  ["an empty key", base64Of({ key: "" })],
  ["no prefix in the id", base64Of({ key: "1234" })],
  ["an upper case prefix", base64Of({ key: "Key_1234" })],
  ["an id of 65 letters", base64Of({ key: `key_${"a".repeat(65)}` })],
  ["SQL", base64Of({ key: "key_1' OR 1=1 --" })],
  ["a line break after the id", base64Of({ key: "key_1\n" })],
  ["a NUL", base64Of({ key: "key_1\0" })],
])("%s is no cursor", (_, text) => {
  expect(decodeCursor(text)).toBeUndefined();
});

test("a cursor of 1024 characters is read, one of 1025 is not", () => {
  const longest = base64Of({ key: "id_1", note: "x".repeat(768 - 24) });
  expect(longest).toHaveLength(1024);
  expect(decodeCursor(longest)).toBe("id_1");
  expect(decodeCursor(`${longest}=`)).toBeUndefined();
  expect(decodeCursor("e".repeat(1_000_000))).toBeUndefined();
});

test("a cursor that was cut short is refused without an exception", () => {
  const whole = encodeCursor("key_0ABCdef123456789012345");
  for (let length = 0; length < whole.length; length += 1) {
    expect(decodeCursor(whole.slice(0, length))).toBeUndefined();
  }
});

test("decoding never throws and gives nothing that is not shaped like an id", () => {
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 1100 }),
    fc.base64String({ maxLength: 1100 }),
    fc.json().map(base64Of),
    fc.record({ key: fc.oneof(anId, fc.anything()) }).map((value) => base64Of(JSON.stringify(value) ?? "")),
  );
  fc.assert(
    fc.property(anything, fc.boolean(), (text, withPrefix) => {
      expect(decodeCursor(withPrefix ? `cursor_${text}` : text) ?? "id_1").toMatch(
        /^[a-z]+_[A-Za-z0-9]{1,64}$/,
      );
    }),
    { numRuns: 300 },
  );
});
