import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { closest } from "./domain/closest.ts";
import { Failure, type Flaw } from "./errors/failure.ts";
import { parseInput } from "./parse.ts";

const schema = z.strictObject({
  externalId: z
    .string()
    .min(1)
    .max(5)
    .regex(/^[a-z]+$/, "use only small letters"),
  count: z.int().min(2).max(9).default(3),
  enabled: z.boolean().optional(),
  interval: z.enum(["daily", "monthly"]).optional(),
  remaining: z.int().nullable().optional(),
  tags: z.array(z.string()).min(1).max(2).optional(),
  refill: z.strictObject({ amount: z.int(), refillDay: z.int().optional() }).nullable().optional(),
  refills: z.array(z.strictObject({ every: z.enum(["day", "month"]) })).optional(),
  ratelimits: z.array(z.strictObject({ name: z.string(), limit: z.int() })).optional(),
});

function failureOf(value: unknown): Failure {
  try {
    parseInput(schema, value);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(value)} was accepted`);
}

function flawsOf(value: unknown): readonly Flaw[] {
  return failureOf(value).flaws;
}

const unknown = (location: string, fix: string) => ({ location, message: "is not a known field", fix });
const valid = { externalId: "abc" };

test("valid input is returned as the schema types it, with its defaults", () => {
  expect(parseInput(schema, valid)).toEqual({ externalId: "abc", count: 3 });
  expect(parseInput(schema, { ...valid, remaining: null, refill: null })).toMatchObject({ remaining: null });
});

describe("each kind of violation names the place, what is wrong and what to send instead:", () => {
  test.each<[string, unknown, Flaw]>([
    ["a missing member", {}, { location: "body.externalId", message: "is missing", fix: "send a string" }],
    [
      "a string for a number",
      { ...valid, count: "5" },
      { location: "body.count", message: "is a string, not a number", fix: "send a number" },
    ],
    [
      "a whole number for a string",
      { externalId: 5 },
      { location: "body.externalId", message: "is a number, not a string", fix: "send a string" },
    ],
    [
      "a fraction",
      { ...valid, count: 5.5 },
      {
        location: "body.count",
        message: "is not a whole number",
        fix: "send a whole number up to 2^53 - 1",
      },
    ],
    [
      "a number that is not exact",
      { ...valid, remaining: 2 ** 53 },
      {
        location: "body.remaining",
        message: "is more than 9007199254740991",
        fix: "use at most 9007199254740991",
      },
    ],
    [
      "null",
      { externalId: null },
      { location: "body.externalId", message: "is null, not a string", fix: "send a string" },
    ],
    [
      "an array",
      { ...valid, enabled: [true] },
      { location: "body.enabled", message: "is an array, not true or false", fix: "send true or false" },
    ],
    [
      "an object",
      { ...valid, tags: {} },
      { location: "body.tags", message: "is an object, not an array", fix: "send an array" },
    ],
    [
      "a boolean",
      { ...valid, refill: true },
      { location: "body.refill", message: "is true or false, not an object", fix: "send an object" },
    ],
    [
      "a number below its bound",
      { ...valid, count: 1 },
      { location: "body.count", message: "is less than 2", fix: "use at least 2" },
    ],
    [
      "a number above its bound",
      { ...valid, count: 10 },
      { location: "body.count", message: "is more than 9", fix: "use at most 9" },
    ],
    [
      "a string too long",
      { externalId: "abcdef" },
      {
        location: "body.externalId",
        message: "has more than 5 characters",
        fix: "send at most 5 characters",
      },
    ],
    [
      "an array too short",
      { ...valid, tags: [] },
      { location: "body.tags", message: "has fewer than 1 items", fix: "send at least 1 items" },
    ],
    [
      "characters that are not allowed",
      { externalId: "A" },
      {
        location: "body.externalId",
        message: "does not have the allowed form",
        fix: "use only small letters",
      },
    ],
    [
      "a value that is not in the list",
      { ...valid, interval: "weekly" },
      {
        location: "body.interval",
        message: "is not one of the allowed values",
        fix: 'use "daily" or "monthly"',
      },
    ],
    [
      "a missing value with a list of allowed ones",
      { ...valid, refills: [{}] },
      { location: "body.refills[0].every", message: "is missing", fix: 'use "day" or "month"' },
    ],
    [
      "a field of an item",
      { ...valid, ratelimits: [{ name: "a", limit: 1 }, { name: 1 }] },
      { location: "body.ratelimits[1].name", message: "is a number, not a string", fix: "send a string" },
    ],
  ])("%s", (_, value, flaw) => {
    expect(flawsOf(value)[0]).toEqual(flaw);
  });
});

test.each([[], "x", null, 5, true].map((body) => [JSON.stringify(body), body]))(
  "a body that is %s is rejected, since it is not an object",
  (_, body) => {
    const [flaw, ...more] = flawsOf(body);
    expect(flaw).toMatchObject({ location: "body", fix: "send an object" });
    expect(more).toEqual([]);
  },
);

describe("an unknown field is named, with the allowed field that was probably meant:", () => {
  test.each<[string, unknown, Flaw]>([
    [
      "a typing error",
      { ...valid, externalIdd: 1 },
      unknown("body.externalIdd", 'did you mean "externalId"?'),
    ],
    [
      "another spelling",
      { ...valid, external_id: 1 },
      unknown("body.external_id", 'did you mean "externalId"?'),
    ],
    ["another case", { ...valid, EXTERNALID: 1 }, unknown("body.EXTERNALID", 'did you mean "externalId"?')],
    [
      "within an object that may be null",
      { ...valid, refill: { amount: 1, refilDay: 1 } },
      unknown("body.refill.refilDay", 'did you mean "refillDay"?'),
    ],
    [
      "within an item",
      { ...valid, ratelimits: [{ name: "a", limit: 1, limt: 1 }] },
      unknown("body.ratelimits[0].limt", 'did you mean "limit"?'),
    ],
    [
      "nothing close",
      { ...valid, refill: { amount: 1, whatever: 1 } },
      unknown("body.refill.whatever", "omit it; allowed fields: amount, refillDay"),
    ],
    [
      "a name that needs quotes",
      { ...valid, "a b": 1 },
      unknown(
        'body["a b"]',
        "omit it; allowed fields: externalId, count, enabled, interval, remaining, tags, refill, refills, ratelimits",
      ),
    ],
  ])("%s", (_, value, flaw) => {
    expect(flawsOf(value)).toEqual([flaw]);
  });

  test.each(["__proto__", "constructor", "toString"])("%s is a field like any other", (name) => {
    const body: unknown = JSON.parse(`{"externalId":"abc",${JSON.stringify(name)}:1}`);
    expect(flawsOf(body)).toMatchObject([
      { location: `body.${name}`, fix: expect.stringMatching(/^omit it/) },
    ]);
  });
});

test("all violations are listed, unknown fields last, and the detail counts them", () => {
  const failure = failureOf({ extra: 1, count: "5", refill: {}, tags: [1, 2] });
  expect(failure.flaws.map(({ location }) => location)).toEqual([
    "body.externalId",
    "body.count",
    "body.tags[0]",
    "body.tags[1]",
    "body.refill.amount",
    "body.extra",
  ]);
  expect(failure.message).toBe("body.externalId is missing (and 5 more).");
});

const words = fc.stringMatching(/^[a-z]{1,12}$/);

test("a name matches itself, in any case and with separators between its words", () => {
  fc.assert(
    fc.property(fc.uniqueArray(words, { minLength: 1, maxLength: 8 }), fc.nat(), (known, pick) => {
      const name = known[pick % known.length] ?? "";
      expect(closest(name, known)).toBe(name);
      expect(closest(name.toUpperCase(), known)).toBe(name);
      expect(closest(name.split("").join("_"), known)).toBe(name);
    }),
  );
});

test("one extra letter still matches in names of three letters or more, and five never match", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{3,12}$/), fc.nat({ max: 12 }), (name, at) => {
      const mistyped = `${name.slice(0, at)}q${name.slice(at)}`;
      expect(closest(mistyped, [name])).toBe(name);
      expect(closest(`${name}qqqqq`, [name])).toBeUndefined();
    }),
  );
});

test("a name of a megabyte is not compared", () => {
  expect(closest("x".repeat(41), ["x".repeat(41)])).toBeUndefined();
  expect(closest("x".repeat(1_000_000), ["limit"])).toBeUndefined();
});
