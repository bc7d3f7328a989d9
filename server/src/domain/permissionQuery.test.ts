import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  evaluatePermissionQuery,
  type PermissionQuery,
  type PermissionQueryError,
  parsePermissionQuery,
  prepareHeld,
} from "./permissionQuery.ts";

function queryOf(text: string): PermissionQuery {
  const parsed = parsePermissionQuery(text);
  if ("error" in parsed) throw new Error(`${parsed.error.message} at ${parsed.error.position}: ${text}`);
  return parsed.query;
}

function errorOf(text: string): PermissionQueryError | undefined {
  const parsed = parsePermissionQuery(text);
  return "error" in parsed ? parsed.error : undefined;
}

function allows(text: string, ...slugs: string[]): boolean {
  return evaluatePermissionQuery(queryOf(text), prepareHeld(slugs));
}

describe("the language", () => {
  test("AND binds tighter than OR", () => {
    expect(allows("a OR b AND c", "a")).toBe(true);
    expect(allows("a OR b AND c", "b")).toBe(false);
    expect(allows("a OR b AND c", "c")).toBe(false);
    expect(allows("a OR b AND c", "b", "c")).toBe(true);
    expect(allows("a AND b OR c", "c")).toBe(true);
    expect(allows("a AND b OR c", "a")).toBe(false);
  });

  test("parentheses bind tightest", () => {
    expect(allows("(a OR b) AND c", "a")).toBe(false);
    expect(allows("(a OR b) AND c", "b", "c")).toBe(true);
    expect(allows("((a))AND(b)", "a", "b")).toBe(true);
    expect(allows("a AND (b OR (c AND d))", "a", "c", "d")).toBe(true);
    expect(allows("a AND (b OR (c AND d))", "a", "c")).toBe(false);
  });

  test("operators are whole words of either case", () => {
    for (const and of ["AND", "and", "aNd"]) expect(allows(`a ${and} b`, "a")).toBe(false);
    for (const or of ["OR", "or", "Or"]) expect(allows(`a ${or} b`, "a")).toBe(true);
    expect(allows("android", "android")).toBe(true);
    expect(allows("order.or", "order.or")).toBe(true);
    expect(allows("and.read AND or_1", "and.read", "or_1")).toBe(true);
  });

  test("a permission may hold ASCII letters, digits and . _ - * : /", () => {
    const slug = "aZ09._-*:/x";
    expect(allows(slug, slug)).toBe(true);
  });

  test("permissions are compared exactly, and case matters", () => {
    expect(allows("Documents.read", "documents.read")).toBe(false);
    expect(allows("documents.read", "documents.rea")).toBe(false);
    expect(allows("documents.read", "documents.read.all")).toBe(false);
    expect(allows("documents.read")).toBe(false);
  });

  test("space, tab, line feed and carriage return separate, nothing else does", () => {
    expect(allows(" \t\r\na\n\tAND\r b ", "a", "b")).toBe(true);
    for (const space of ["\v", "\f", "\u00a0", "\u2003", "\uFEFF"]) {
      expect(errorOf(`a${space}AND b`)?.position).toBe(1);
    }
  });

  test.each([
    ["", 0, "the query is empty"],
    [" \t\r\n", 0, "the query is empty"],
    ["a AND", 5, "a permission is missing after AND"],
    ["a or ", 5, "a permission is missing after OR"],
    ["(", 1, "a permission is missing after ("],
    ["(a AND", 6, "a permission is missing after AND"],
    ["AND a", 0, "a permission is missing before AND"],
    ["or", 0, "a permission is missing before OR"],
    ["a AND OR b", 6, "a permission is missing before OR"],
    ["(OR a)", 1, "a permission is missing before OR"],
    ["(a AND)", 6, "a permission is missing after AND"],
    ["a AND ()", 7, "the parentheses are empty"],
    ["( )", 2, "the parentheses are empty"],
    ["(a", 0, "this parenthesis is never closed"],
    ["a AND (b OR (c)", 6, "this parenthesis is never closed"],
    ["((a)", 0, "this parenthesis is never closed"],
    ["a)", 1, "this parenthesis has no opening parenthesis before it"],
    [")", 0, "this parenthesis has no opening parenthesis before it"],
    ["(a))", 3, "this parenthesis has no opening parenthesis before it"],
    ["a b", 2, "AND or OR is missing before this permission"],
    ["(a) b", 4, "AND or OR is missing before this permission"],
    ["NOT a", 4, "AND or OR is missing before this permission"],
    ["a (b)", 2, "AND or OR is missing before this parenthesis"],
    ["(a)(b)", 3, "AND or OR is missing before this parenthesis"],
    ["a & b", 2, "the character & (U+0026) is not allowed"],
    ["!a", 0, "the character ! (U+0021) is not allowed"],
    ["dé", 1, "the character é (U+00E9) is not allowed"],
    ["a AND 😀", 6, "the character 😀 (U+1F600) is not allowed"],
    ["😀", 0, "the character 😀 (U+1F600) is not allowed"],
    ["ª", 0, "the character ª (U+00AA) is not allowed"],
    ["a\0", 1, "the character U+0000 is not allowed"],
    ["a\ud800", 1, "the character U+D800 is not allowed"],
    ["a\u202eb", 1, "the character U+202E is not allowed"],
  ])("%p fails at %d: %s", (text, position, message) => {
    expect(errorOf(text)).toEqual({ position, message, fix: expect.stringMatching(/^[a-z].*[^.]$/) });
  });

  test("& and | are refused, and the message names the word to write", () => {
    expect(errorOf("a && b")?.fix).toBe("write AND");
    expect(errorOf("a | b")?.fix).toBe("write OR");
  });

  test("32 open parentheses are accepted, the 33rd is refused at its position, and a thousand overflow no stack", () => {
    expect(allows(`${"(".repeat(32)}a${")".repeat(32)}`, "a")).toBe(true);
    expect(allows(`(a AND ${"(".repeat(31)}a${")".repeat(32)} OR (b)`, "b")).toBe(true);
    const message = "parentheses are nested deeper than 32 levels";
    for (const depth of [33, 1000, 1_000_000]) {
      expect(errorOf(`${"(".repeat(depth)}a${")".repeat(depth)}`)).toMatchObject({ position: 32, message });
    }
    expect(errorOf(`${"(a OR ".repeat(33)}a${")".repeat(33)}`)).toMatchObject({ position: 192, message });
  });

  test("a row of a thousand permissions nests no deeper than a single permission", () => {
    const terms = Array.from({ length: 1000 }, (_, i) => `p${i}`);
    expect(allows(terms.join(" AND "), ...terms)).toBe(true);
    expect(allows(terms.join(" AND "), ...terms.slice(1))).toBe(false);
    expect(allows(terms.join(" OR "), "p999")).toBe(true);
    expect(allows("(a) AND ".repeat(1000).concat("a"), "a")).toBe(true);
    expect(queryOf(terms.join(" OR "))).toEqual({
      kind: "any",
      of: terms.map((permission) => ({ kind: "permission", permission })),
    });
  });
});

describe("a permission of a key", () => {
  test.each([
    ["*", "documents.read", true],
    ["*", "a", true],
    ["*", "*", true],
    ["*", "a..b", true],
    ["documents.*", "documents.read", true],
    ["documents.*", "documents.read.all", true],
    ["documents.*", "documents.*", true],
    ["documents.*", "documents.*.all", true],
    ["documents.*", "documents", false],
    ["documents.*", "documents.", false],
    ["documents.*", "documents..read", false],
    ["documents.*", "documentsx.read", false],
    ["documents.*", "Documents.read", false],
    ["documents.*", "my.documents.read", false],
    ["documents.*", "*", false],
    ["documents.*.read", "documents.a.read", true],
    ["documents.*.read", "documents.*.read", true],
    ["documents.*.read", "documents.a.b.read", false],
    ["documents.*.read", "documents.read", false],
    ["documents.*.read", "documents..read", false],
    ["documents.*.*", "documents.a.b", true],
    ["documents.*.*", "documents.a.b.c", true],
    ["documents.*.*", "documents.a", false],
    ["*.read", "documents.read", true],
    ["*.read", "documents.a.read", false],
    ["*.*", "a.b.c", true],
    ["*.*", "a", false],
    ["doc*", "documents", false],
    ["doc*", "doc*", true],
    ["doc*.read", "documents.read", false],
    ["documents.r*", "documents.read", false],
    ["documents.r*", "documents.r*", true],
    ["documents.**", "documents.read", false],
    ["documents:*", "documents:read", false],
    ["documents/*", "documents/read", false],
    ["documents.read", "documents.*", false],
    ["documents.a.read", "documents.*.read", false],
    ["a+.*", "aa.b", false],
  ])("%s covers %s: %p", (slug, asked, expected) => {
    const held = prepareHeld([slug]);
    expect(evaluatePermissionQuery({ kind: "permission", permission: asked }, held)).toBe(expected);
  });

  test("covers the same next to other permissions as alone", () => {
    expect(allows("a.x AND b AND c.d.e", "a.*", "b", "c.*.e")).toBe(true);
    expect(allows("a.x AND b AND c.d.f", "a.*", "b", "c.*.e")).toBe(false);
  });

  const segment = fc.constantFrom("a", "b", "*", "a*", "", "**");
  const slug = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("."));

  test("with wildcards matches what the same rule as a regular expression matches", () => {
    const coveredBoth = { true: 0, false: 0 };
    fc.assert(
      fc.property(fc.array(slug, { maxLength: 3 }), slug, (slugs, permission) => {
        const expected = slugs.some((held) => held === permission || patternOf(held).test(permission));
        const held = prepareHeld(slugs);
        expect(evaluatePermissionQuery({ kind: "permission", permission }, held)).toBe(expected);
        coveredBoth[`${expected}`] += 1;
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(coveredBoth.true, coveredBoth.false)).toBeGreaterThan(100);
  });

  function patternOf(held: string): RegExp {
    if (held === "*") return /^/;
    const isOpen = held.endsWith(".*");
    const segments = (isOpen ? held.slice(0, -2) : held).split(".");
    const parts = segments.map((one) => (one === "*" ? "[^.]+" : one.replaceAll("*", "\\*")));
    return new RegExp(`^${parts.join("\\.")}${isOpen ? "(\\.[^.]+)+" : ""}$`);
  }
});

/** A simple implementation to compare with: it reads recursively, evaluates at once, and throws an error's position. */
function referenceResult(text: string, held: ReadonlySet<string>): boolean | number {
  const tokens = [...text.matchAll(/[\w.*:/-]+|[()&]/g)].map(({ 0: token, index }) => ({ token, index }));
  let next = 0;
  const peek = () => tokens[next]?.token.toLowerCase();
  const where = () => (tokens.length === 0 ? 0 : (tokens[next]?.index ?? text.length));

  function readOr(): boolean {
    let result = readAnd();
    while (peek() === "or") {
      next += 1;
      result = readAnd() || result;
    }
    return result;
  }
  function readAnd(): boolean {
    let result = readOperand();
    while (peek() === "and") {
      next += 1;
      result = readOperand() && result;
    }
    return result;
  }
  function readOperand(): boolean {
    const token = tokens[next];
    const word = peek();
    if (token === undefined || word === undefined || ["and", "or", ")", "&"].includes(word)) fail(where());
    next += 1;
    if (word !== "(") return held.has(token.token);
    const result = readOr();
    if (peek() === undefined) fail(token.index);
    if (peek() !== ")") fail(where());
    next += 1;
    return result;
  }
  try {
    const result = readOr();
    if (next < tokens.length) fail(where());
    return result;
  } catch (error) {
    if (error instanceof Error && typeof error.cause === "number") return error.cause;
    throw error;
  }
}

function fail(position: number): never {
  throw new Error("syntax", { cause: position });
}

test("for any sequence of tokens, the result or the position of the error is that of a simple recursive parser", () => {
  const token = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("a", "b", "c", "a.b", "AND", "and", "OR", "Or") },
    { weight: 4, arbitrary: fc.constantFrom("(", ")") },
    { weight: 1, arbitrary: fc.constantFrom("&", "*") },
  );
  const { expression } = fc.letrec<{ expression: string; operand: string }>((tie) => ({
    expression: fc
      .tuple(
        tie("operand"),
        fc.array(fc.tuple(fc.constantFrom(" AND ", " or "), tie("operand")), { maxLength: 4 }),
      )
      .map(([first, more]) => first + more.flat().join("")),
    operand: fc.oneof(
      { maxDepth: 5 },
      { weight: 3, arbitrary: fc.constantFrom("a", "b", "c", "d") },
      { weight: 1, arbitrary: tie("expression").map((inner) => `(${inner})`) },
    ),
  }));
  const soup = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(" "));
  const slugs = fc.subarray(["a", "b", "c", "a.b"]);
  const seen = { true: 0, false: 0, number: 0 };
  fc.assert(
    fc.property(fc.oneof(expression, soup), slugs, (text, held) => {
      const expected = referenceResult(text, new Set(held));
      const parsed = parsePermissionQuery(text);
      const found =
        "error" in parsed ? parsed.error.position : evaluatePermissionQuery(parsed.query, prepareHeld(held));
      expect(found).toBe(expected);
      if (typeof expected === "number") seen.number += 1;
      else seen[`${expected}`] += 1;
    }),
    { numRuns: 4000 },
  );
  expect(Math.min(seen.true, seen.false, seen.number)).toBeGreaterThan(200);
});

test("no text makes the parser throw, and every error points into the text or at its end", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const { position } = errorOf(text) ?? { position: 0 };
      expect(position >= 0 && position <= text.length).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
