import { describe, expect, spyOn, test } from "bun:test";
import { type JsonFlawKind, scanJson } from "./scanJson.ts";

type Found = { kind: JsonFlawKind; location: string } | undefined;

function scan(json: string): Found {
  const flaw = scanJson(new TextEncoder().encode(json));
  return flaw && { kind: flaw.kind, location: flaw.location };
}

function nested(depth: number, [left, right]: readonly [string, string] = ["[", "]"], inner = ""): string {
  return left.repeat(depth) + inner + right.repeat(depth);
}

const inObject = ['{"a":', "}"] as const;

describe("nesting", () => {
  test("32 levels are allowed and the 33rd is refused, arrays and objects counted together", () => {
    expect(scan(nested(32))).toBeUndefined();
    expect(scan(nested(33))).toEqual({ kind: "too_deep", location: `body${"[0]".repeat(32)}` });
    expect(scan(nested(32, inObject, "1"))).toBeUndefined();
    expect(scan(nested(33, inObject, "1"))).toEqual({ kind: "too_deep", location: `body${".a".repeat(32)}` });
    expect(scan(nested(16, ['[{"a":', "}]"], "1"))).toBeUndefined();
    expect(scan(nested(16, ['[{"a":', "}]"], "[]"))?.kind).toBe("too_deep");
  });

  test("metadata may have 32 levels of its own, in the body and in an item of a list", () => {
    for (const [before, after] of [
      ['{"meta":', "}"],
      ['{"keys":[{"name":"x","meta":', "}]}"],
      ['{"m\\u0065ta":', "}"],
    ] as const) {
      expect(scan(before + nested(32) + after)).toBeUndefined();
      expect(scan(before + nested(32, inObject, "1") + after)).toBeUndefined();
      expect(scan(before + nested(33) + after)?.kind).toBe("too_deep");
      expect(scan(before + nested(33, inObject, "1") + after)?.kind).toBe("too_deep");
    }
  });

  test("a meta inside metadata gets no further levels", () => {
    expect(scan(nested(33, ['{"meta":', "}"], "1"))).toBeUndefined(); // the body and 32 levels of metadata
    expect(scan(nested(34, ['{"meta":', "}"], "1"))).toEqual({
      kind: "too_deep",
      location: `body${".meta".repeat(33)}`,
    });
    expect(scan(`{"meta":${nested(31, inObject, '{"meta":[]}')}}`)?.kind).toBe("too_deep");
  });

  test("after metadata, levels are counted from the body again", () => {
    expect(scan(`{"meta":{},"x":${nested(31)}}`)).toBeUndefined();
    expect(scan(`{"meta":{},"x":${nested(32)}}`)?.kind).toBe("too_deep");
    expect(scan(`{"meta":1,"x":${nested(32)}}`)?.kind).toBe("too_deep");
    expect(scan(`[{"meta":${nested(32)}},${nested(31)}]`)).toBeUndefined();
    expect(scan(`[{"meta":${nested(32)}},${nested(32)}]`)?.kind).toBe("too_deep");
    expect(scan(`[{"meta":1},{"meta":${nested(32)}}]`)).toBeUndefined();
    expect(scan(`[{"meta":1},{"metb":${nested(31)}}]`)?.kind).toBe("too_deep");
  });

  test("a million brackets are refused at the 33rd, closed or not", () => {
    expect(scan("[".repeat(1_000_000))?.kind).toBe("too_deep");
    expect(scan('{"a":'.repeat(1_000_000))?.kind).toBe("too_deep");
    expect(scan('{"meta":'.repeat(1_000_000))?.kind).toBe("too_deep");
    expect(scan(`{"meta":${nested(500_000)}}`)?.kind).toBe("too_deep");
    expect(scan(`{${"[".repeat(1_000_000)}`)?.kind).toBe("too_deep");
  });

  test("brackets inside strings do not count as nesting", () => {
    expect(scan(JSON.stringify({ a: "[".repeat(100), b: '{"\\'.repeat(100) }))).toBeUndefined();
  });
});

describe("duplicate members", () => {
  test.each([
    ['{"cost":0,"cost":5}', "body.cost"],
    ['{"a":1,"\\u0061":2}', "body.a"],
    ['{"\\u0061":1,"a":2}', "body.a"],
    ['{"a\\/b":1,"a/b":2}', 'body["a/b"]'],
    ['{"é":1,"\\u00e9":2}', 'body["é"]'],
    ['{"😀":1,"\\ud83d\\ude00":2}', 'body["😀"]'],
    ['{"":1,"":2}', 'body[""]'],
    ['{"__proto__":1,"__proto__":2}', "body.__proto__"],
    ['{"meta":{"odd name":1,"x":2,"odd name":3}}', 'body.meta["odd name"]'],
    ['{ "a" : [ { } , { "b" : 1 , "b" : 2 } ] }', "body.a[1].b"],
    ['{"a":{"x":1},"b":{"y":{"x":1}},"a":1}', "body.a"],
  ])("%s is refused at %s", (json, location) => {
    expect(scan(json)).toEqual({ kind: "duplicate_member", location });
  });

  test.each([
    '{"a":1,"A":2,"a ":3,"aa":4}',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
    '["a","a",{"a":"a","b":"a"}]',
    '{"a":"b","b":"a"}',
    '{"\\uFEFFa":1,"a":2}',
    '{"\\u00e9":1,"e\\u0301":2}',
    '{"a":1,"\\\\u0061":2}',
  ])("%s has none", (json) => {
    expect(scan(json)).toBeUndefined();
  });

  test("are found in objects of every size, at any distance and in any spelling", () => {
    for (const size of [2, 31, 127, 128, 129, 130, 300]) {
      const names = Array.from({ length: size }, (_, i) => `"name${i}":{"in":${i}}`).join(",");
      expect(scan(`{${names}}`)).toBeUndefined();
      expect(scan(`{"\\n":0,${names}}`)).toBeUndefined();
      expect(scan(`{"\\uFEFFname1":0,"\uFEFFname2":0,${names}}`)).toBeUndefined();
      for (const again of [0, 1, size >> 1, size - 1]) {
        const flaw = { kind: "duplicate_member", location: `body.name${again}` } as const;
        expect(scan(`{${names},"name${again}":0}`)).toEqual(flaw);
        expect(scan(`{${names},"\\u006eame${again}":0}`)).toEqual(flaw);
        expect(scan(`{"x":{${names}},"y":[{"name1":1}],${names},"name${again}":0}`)).toEqual(flaw);
      }
    }
  });

  test("may be in two different objects at the same depth", () => {
    const many = `{${Array.from({ length: 200 }, (_, i) => `"n${i}":${i}`).join(",")}}`;
    expect(scan(`[${many},${many},{"n1":1},{"\\u006e1":1},{"n1":1}]`)).toBeUndefined();
  });

  test("beyond the first 128 names of an object are looked up, not compared one by one", () => {
    const members = Array.from({ length: 5000 }, (_, i) => `"k${i}":1`).join(",");
    const lookUps = spyOn(Set.prototype, "has");
    try {
      scan(`{${members}}`);
      expect(lookUps.mock.calls.length).toBeGreaterThan(4700);
    } finally {
      lookUps.mockRestore();
    }
  });

  test("an object of 100,000 different members is accepted", () => {
    const members = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(",");
    expect(scan(`{${members}}`)).toBeUndefined();
    expect(scan(`{${members},"k0":1}`)).toEqual({ kind: "duplicate_member", location: "body.k0" });
  });
});

describe("texts", () => {
  test.each([
    ['{"a":"\\ud800"}', "body.a"],
    ['{"a":"\\udc00"}', "body.a"],
    ['{"a":"\\uDBFFx"}', "body.a"],
    ['{"a":"\\ud800\\u0041"}', "body.a"],
    ['{"a":"\\udc00\\udc00"}', "body.a"],
    ['{"a":"\\ud800\\ud800\\udc00"}', "body.a"],
    ['{"a":"\\ud800\\n"}', "body.a"],
    ['{"a":"\\udc00\\ud800"}', "body.a"],
    ['{"a":"\\ud83d\\ude00\\ude00"}', "body.a"],
    ['{"meta":{"\\ud800":1}}', 'body.meta["\\ud800"]'],
    ['{"meta":{"x":1,"ab\\udfff\\"c":1}}', 'body.meta["ab\\udfff\\"c"]'],
    ['["x",["\\ud800"]]', "body[1][0]"],
    ['"\\ud800"', "body"],
  ])("half a surrogate pair in %s is refused at %s", (json, location) => {
    expect(scan(json)).toEqual({ kind: "lone_surrogate", location });
  });

  test.each([
    '"\\ud83d\\ude00"',
    '"\\uD83D\\uDE00😀\\ud800\\udc00\\udbff\\udfff"',
    '"\\\\ud800"',
    '"\\ud7ff\\ue000"',
  ])("whole characters in %s pass", (json) => {
    expect(scan(json)).toBeUndefined();
  });

  test.each([
    ['{"a":"\\u0000"}', "body.a"],
    ['{"a":"x\\u0000y"}', "body.a"],
    ['{"a":["b","\0"]}', "body.a[1]"],
    ['{"a\\u0000":1}', 'body["a\\u0000"]'],
    ['{"b":{"a\0":1}}', 'body.b["a\\u0000"]'],
  ])("NUL in %p is refused at %s", (json, location) => {
    expect(scan(json)).toEqual({ kind: "nul", location });
  });

  test("an escaped backslash before u0000 is not a NUL, nor is a neighbor of u0000", () => {
    expect(scan('"\\\\u0000"')).toBeUndefined();
    expect(scan('"\\u00001"')?.kind).toBe("nul");
    expect(scan('"\\u00010"')).toBeUndefined();
  });
});

describe("numbers", () => {
  test.each([
    "9007199254740992",
    "9007199254740993",
    "-9007199254740992",
    "9223372036854775807",
    "1".repeat(400),
    "1e400",
    "-1E+400",
    "1.5e309",
    `${"1".repeat(310)}.5`,
  ])("%s is refused at its place", (literal) => {
    expect(scan(`{"a":[1,{"limit":${literal}}]}`)).toEqual({
      kind: "number_out_of_range",
      location: "body.a[1].limit",
    });
    expect(scan(literal)).toEqual({ kind: "number_out_of_range", location: "body" });
  });

  test.each([
    "9007199254740991",
    "-9007199254740991",
    "0",
    "-0",
    "5.0",
    "1e3",
    "1e30",
    "1E30",
    "1.7976931348623157e308",
    "1e-400",
    "123456789012345678.5",
    `0.${"1".repeat(400)}`,
    `${"1".repeat(305)}.5`,
  ])("%s passes", (literal) => {
    expect(scan(`{"meta":{"a":${literal}},"b":[${literal}]}`)).toBeUndefined();
    expect(scan(literal)).toBeUndefined();
  });

  test("digits in strings and names are not checked as numbers", () => {
    expect(scan(`{"9007199254740993":"9007199254740993"}`)).toBeUndefined();
  });
});

test("the first of several flaws is the one that is reported", () => {
  expect(scan('{"a":"\\ud800\\u0000","b":1e400}')?.kind).toBe("lone_surrogate");
  expect(scan('{"a":"\\u0000\\ud800","b":1e400}')?.kind).toBe("nul");
  expect(scan('{"a":1,"b":1e400,"a":"\\u0000"}')?.kind).toBe("number_out_of_range");
});

test("every flaw says what is wrong and what to send instead", () => {
  const flawed = [nested(33), '{"a":1,"a":1}', '"\\ud800"', '"\\u0000"', "1e400"];
  const flaws = flawed.map((json) => scanJson(new TextEncoder().encode(json)));
  expect(flaws.map((flaw) => flaw?.message)).toEqual([
    "is nested deeper than 32 levels",
    "appears twice in the same object",
    "contains half of a surrogate pair, which is not a character",
    "contains the character NUL (\\u0000)",
    "is a number too large to be stored exactly",
  ]);
  for (const flaw of flaws) expect(flaw?.fix).toMatch(/^(nest|send|remove) /);
});

describe("broken syntax", () => {
  test.each([
    "",
    " ",
    "{",
    "}",
    ']{"a":1,"a":1}',
    "[}",
    '{"a',
    '{"a":1',
    '"\\',
    '"\\u',
    '"\\u00',
    '"\\uzzzz"',
    '"\\ud80z"',
    '{"a":"\\u12',
    '"\x01"',
    '{"a":1,}',
    "{,}",
    "{1:2}",
    '{"a""b"}',
    "[1 2]",
    "nul",
    "-",
    "1.e+-5",
    "[1-1-1-1-1-1-1-1-1]",
    "'a'",
    "/* */ 1",
    "{}{}",
    ",,,,",
    "NaN",
  ])("%p is left to the parser", (text) => {
    expect(scan(text)).toBeUndefined();
  });

  test("broken JSON gets the same result, whatever was scanned before", () => {
    scan('{"secret":[1e999]}');
    expect(scan(`{${"[".repeat(33)}`)).toEqual({ kind: "too_deep", location: `body[""]${"[0]".repeat(31)}` });
  });

  test("a byte order mark is left to the code that decodes the body", () => {
    expect(scan('\uFEFF{"a":1}')).toBeUndefined();
    expect(scan('\uFEFF{"a":1,"a":2}')?.kind).toBe("duplicate_member");
  });
});
