import { expect, test } from "bun:test";
import fc from "fast-check";
import { memberPath } from "../domain/location.ts";
import { type JsonFlawKind, scanJson } from "./scanJson.ts";

type Found = { kind: JsonFlawKind; location: string } | undefined;

function scan(bytes: Uint8Array): Found {
  const flaw = scanJson(bytes);
  return flaw && { kind: flaw.kind, location: flaw.location };
}

/** The rules of `scanJson` in the simplest form: a recursive reader of valid JSON that stops at the first flaw. */
function referenceFlaw(text: string): Found {
  return readValue({ text, at: 0 }, { path: "body", depth: 0, max: 32, free: true });
}

type Reader = { text: string; at: number };
/** Where a value is. `max`: the largest `depth` that is allowed there. `free`: the value is not inside metadata. */
type Place = { path: string; depth: number; max: number; free: boolean };

function readValue(reader: Reader, place: Place): Found {
  take(reader, /\s*/y);
  switch (reader.text.charAt(reader.at)) {
    case '"':
      return textFlaw(JSON.parse(take(reader, /"(?:[^"\\]|\\.)*"/y)), place.path);
    case "[":
      return tooDeep(place) ?? readItems(reader, place);
    case "{":
      return tooDeep(place) ?? readMembers(reader, place);
    default:
      return numberFlaw(take(reader, /[-+.\w]+/y), place.path);
  }
}

function take(reader: Reader, pattern: RegExp): string {
  pattern.lastIndex = reader.at;
  const [found] = pattern.exec(reader.text) ?? [""];
  reader.at += found.length;
  return found;
}

function tooDeep({ path, depth, max }: Place): Found {
  return depth >= max ? { kind: "too_deep", location: path } : undefined;
}

function readItems(reader: Reader, place: Place): Found {
  for (let index = 0; take(reader, /\s*[[,]\s*(?!\s*\])/y); index += 1) {
    const path = memberPath(place.path, index);
    const flaw = readValue(reader, { ...place, path, depth: place.depth + 1 });
    if (flaw) return flaw;
  }
  take(reader, /[\s[]*\]/y);
  return undefined;
}

function readMembers(reader: Reader, place: Place): Found {
  const names = new Set<string>();
  while (take(reader, /\s*[{,]\s*(?=")/y)) {
    const flaw = readMember(reader, place, names);
    if (flaw) return flaw;
  }
  take(reader, /[\s{]*\}/y);
  return undefined;
}

function readMember(reader: Reader, place: Place, names: Set<string>): Found {
  const name: string = JSON.parse(take(reader, /"(?:[^"\\]|\\.)*"/y));
  const path = memberPath(place.path, name);
  const flaw = textFlaw(name, path);
  if (flaw) return flaw;
  if (names.has(name)) return { kind: "duplicate_member", location: path };
  names.add(name);
  take(reader, /\s*:/y);
  const depth = place.depth + 1;
  const beginsMeta = place.free && name === "meta";
  return readValue(
    reader,
    beginsMeta ? { path, depth, max: depth + 32, free: false } : { ...place, path, depth },
  );
}

function textFlaw(decoded: string, location: string): Found {
  const nul = decoded.indexOf("\0");
  const lone = decoded.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
  if (lone !== -1 && (nul === -1 || lone < nul)) return { kind: "lone_surrogate", location };
  return nul === -1 ? undefined : { kind: "nul", location };
}

function numberFlaw(literal: string, location: string): Found {
  if (/^[a-z]/.test(literal)) return undefined;
  const tooLarge = /^-?\d+$/.test(literal)
    ? BigInt(literal) ** 2n > BigInt(Number.MAX_SAFE_INTEGER) ** 2n
    : !Number.isFinite(Number(literal));
  return tooLarge ? { kind: "number_out_of_range", location } : undefined;
}

const stringPiece = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.constantFrom("a", "b", "ab", "[", "{", ",", ":", " ", "é", "😀", "\uFEFF", "1"),
  },
  {
    weight: 20,
    arbitrary: fc.constantFrom("\\u0061", "\\n", '\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00"),
  },
  { weight: 1, arbitrary: fc.constantFrom("\\ud800", "\\udc00", "\\ud800\\u0061", "\\u0000", "\\uDBFF") },
);
const aString = fc.array(stringPiece, { maxLength: 6 }).map((pieces) => `"${pieces.join("")}"`);
const aName = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 400 }).map((n) => `"name${n}"`) },
  { weight: 4, arbitrary: fc.constantFrom('"meta"', '"m\\u0065ta"', '"met"', '"ab"', '"\\u0061b"', '""') },
  { weight: 1, arbitrary: aString },
);
const aNumber = fc.oneof(
  { weight: 10, arbitrary: fc.integer().map(String) },
  {
    weight: 10,
    arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("9007199254740991", "-0", "1e30", "0.1E-7", "5.0", "1234567890123456.7"),
  },
  { weight: 1, arbitrary: fc.constantFrom("9007199254740992", "-9007199254740993", "1e400", "-2E999") },
);
const aSpace = fc.constantFrom("", "", "", " ", "\n\t");
const { json } = fc.letrec<{ json: string; value: string; array: string; object: string; deep: string }>(
  (tie) => ({
    json: fc.tuple(aSpace, tie("value"), aSpace).map((parts) => parts.join("")),
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: fc.oneof(aString, aNumber, fc.constantFrom("true", "false", "null")) },
      { weight: 2, arbitrary: tie("array") },
      { weight: 3, arbitrary: tie("object") },
      { weight: 1, arbitrary: tie("deep") },
    ),
    array: fc.array(tie("json"), { maxLength: 6 }).map((items) => `[${items.join(",")}]`),
    object: fc
      .array(fc.tuple(aSpace, aName, aSpace, tie("json")), { maxLength: 8 })
      .map((members) => `{${members.map(([a, name, b, value]) => `${a}${name}${b}:${value}`).join(",")}}`),
    deep: fc
      .tuple(fc.integer({ min: 24, max: 34 }), tie("value"), fc.constantFrom("[]", '{"a":}', '{"meta":}'))
      .map(
        ([depth, value, around]) =>
          around.slice(0, -1).repeat(depth) + value + around.slice(-1).repeat(depth),
      ),
  }),
);

test("on random JSON with planted flaws the scan finds what a recursive reader finds", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(json, (text) => {
      JSON.parse(text);
      const expected = referenceFlaw(text);
      expect(scan(Buffer.from(text))).toEqual(expected);
      const kind = expected?.kind ?? "none";
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }),
    { numRuns: 3000 },
  );
  expect([...seen.keys()].sort()).toEqual(
    ["duplicate_member", "lone_surrogate", "none", "nul", "number_out_of_range", "too_deep"].sort(),
  );
});

test("random bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => scanJson(bytes)).not.toThrow();
    }),
    { numRuns: 1000 },
  );
});

test("damaged JSON never throws, and if it is still JSON the result is still right", () => {
  const aByte = fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:\\u01e-.')), fc.nat({ max: 255 }));
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), aByte), { minLength: 1, maxLength: 2 });
  let stillJson = 0;
  fc.assert(
    fc.property(json, damage, (text, hits) => {
      const bytes = Array.from(Buffer.from(text));
      for (const [at, removed, inserted] of hits) bytes.splice(at % (bytes.length + 1), removed, inserted);
      const found = scan(Uint8Array.from(bytes));
      const damaged = readable(Uint8Array.from(bytes));
      if (damaged === undefined) return;
      stillJson += 1;
      expect(found).toEqual(referenceFlaw(damaged));
    }),
    { numRuns: 3000 },
  );
  expect(stillJson).toBeGreaterThan(100);
});

function readable(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

/** Returns the same bytes, and a function that returns how many bytes of them have been read so far. */
function counted(bytes: Uint8Array): { bytes: Uint8Array; reads: () => number } {
  let reads = 0;
  const proxy = new Proxy(bytes, {
    get(target, property) {
      if (property === "subarray") {
        return (from: number, end: number) => {
          reads += Math.max(0, end - from);
          return target.subarray(from, end);
        };
      }
      if (property !== "length") reads += 1;
      return Reflect.get(target, property, target);
    },
  });
  return { bytes: proxy, reads: () => reads };
}

const size = 10_000;

function objectOf(count: number, name: (i: number) => string): string {
  return `{${Array.from({ length: count }, (_, i) => `"${name(i)}":1`).join(",")}}`;
}

test.each([
  ["brackets", "[".repeat(size)],
  ["one long text", `"${"x".repeat(size)}"`],
  ["one open text", `"${"x".repeat(size)}`],
  ["one long name", `{"${"x".repeat(size)}":1,"${"x".repeat(size)}":2}`],
  ["one long escaped name", `{"\\n${"x".repeat(size)}":1,"\\n${"x".repeat(size)}":2}`],
  ["backslashes", `"${"\\".repeat(size)}"`],
  ["escapes", `"${"\\u00e9".repeat(size)}"`],
  ["high surrogates", `"${"\\ud83d\\ude00".repeat(size)}\\ud83d`],
  ["quotes", '"'.repeat(size)],
  ["one long number", "1".repeat(size)],
  ["one long fraction", `0.${"1".repeat(size)}`],
  ["small numbers", `[${"1,".repeat(size)}1]`],
  ["empty objects", `[${"{},".repeat(size)}{}]`],
  ["many members", objectOf(size, String)],
  ["many escaped members", objectOf(size, (i) => `\\n${i}`)],
  ["members that begin and end alike", objectOf(300, (i) => "x".repeat(99) + i + "y".repeat(99))],
  [
    "objects just below and above the size of a set",
    `[${Array.from({ length: 40 }, (_, n) => objectOf(110 + n, (i) => `name${i}`)).join(",")}]`,
  ],
  ["32 open objects with a long name each, then a flaw", `${`{"${"x".repeat(300)}":`.repeat(32)}1e999`],
])("%s: each byte is read a few times, however many there are", (_, text) => {
  const { bytes, reads } = counted(new TextEncoder().encode(text));
  scanJson(bytes);
  expect(reads()).toBeLessThanOrEqual(5 * bytes.length);
});
