import { expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { operations } from "./operations/index.ts";
import { text } from "./operations/shared/values.ts";
import { parsePlain } from "./plainInput.ts";

const lengths = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1_000, 1_001];
const texts = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...lengths).map((length) => "a".repeat(length)) },
  { weight: 2, arbitrary: fc.constantFrom(...lengths).map((length) => "😀".repeat(length)) },
  { weight: 1, arbitrary: fc.string() },
);
const numbers = fc.oneof(
  fc.constantFrom(-1, 0, 1, 999, 1_000, 1e12, 1e12 + 1, 2 ** 53, 1e300, 0.5, -0),
  fc.integer(),
);
const others = fc.oneof(fc.boolean(), fc.constantFrom(null, [], {}, ["a"], { a: 1 }));
const values = fc.oneof(
  { weight: 5, arbitrary: texts },
  { weight: 3, arbitrary: numbers },
  { weight: 1, arbitrary: others },
);

const identity = {
  externalId: "user_123",
  meta: { plan: "pro" },
  ratelimits: [
    { name: "requests", limit: 1000, duration: 60_000, autoApply: true },
    { name: "tokens", limit: 1000, duration: 60_000 },
  ],
  credits: { remaining: 100, refill: { interval: "monthly", amount: 100, refillDay: 31 } },
};
const key = "prod_2cGKbMxRyIzhCxo1Idjz8q";

/** Inputs that are often sent, and that must be parsed without the schema. */
const usual: [name: string, input: object][] = [
  ["keys.verifyKey", { key }],
  ["keys.verifyKey", { key, permissions: "documents.read", tags: ["path=/v1/files"], credits: { cost: 2 } }],
  [
    "keys.verifyKey",
    { key, ratelimits: [{ name: "tokens", cost: 5 }], quotas: [{ name: "exports", cost: 0 }] },
  ],
  ["ratelimit.limit", { namespace: "email", identifier: "user_123", limit: 10, duration: 60_000 }],
  ["identities.createIdentity", identity],
  ["identities.getIdentity", { identity: "user_123" }],
  ["identities.updateIdentity", { identity: "user_123", meta: { plan: "free" }, ratelimits: [] }],
  ["keys.createKey", { ...identity, apiId: "api_1", prefix: "prod", roles: ["admin"], permissions: ["a.b"] }],
  ["keys.updateKey", { keyId: "key_1", enabled: false, expires: null, credits: { remaining: null } }],
];

/** Generates values like this one, with some parts removed, repeated, added or changed to any value. */
function variantsOf(value: unknown): fc.Arbitrary<unknown> {
  const variant = Array.isArray(value)
    ? fc
        .array(fc.constantFrom(...value, "a"), { maxLength: 3 })
        .chain((items) => fc.tuple(...items.map(variantsOf)))
    : typeof value === "object" && value !== null
      ? membersOf(value as Record<string, unknown>)
      : values;
  return fc.oneof({ weight: 8, arbitrary: fc.constant(value) }, { weight: 2, arbitrary: variant });
}

function membersOf(given: Record<string, unknown>): fc.Arbitrary<unknown> {
  const unknownName = fc.constantFrom("unknown", "__proto__", "constructor");
  const members = fc.tuple(
    ...Object.entries(given).map(([name, value]) =>
      fc.option(fc.tuple(fc.constant(name), variantsOf(value)), { freq: 9 }),
    ),
    fc.option(fc.tuple(unknownName, values), { freq: 1 }),
  );
  return members.map((all) => {
    const texts = all
      .filter((member) => member !== null)
      .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return JSON.parse(`{${texts.join()}}`) as unknown;
  });
}

test.each(operations)(
  "input of $name that is parsed without the schema is valid, and parsed as the schema would",
  ({ name, input, example }) => {
    const known = [example.input, ...usual.filter(([of]) => of === name).map(([, body]) => body)];
    fc.assert(
      fc.property(fc.oneof(...known.map(variantsOf), values), (value) => {
        const parsed = parsePlain(input, value);
        if (parsed === undefined) return;
        const byZod = input.safeParse(value);
        expect(byZod).toEqual({ success: true, data: parsed });
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(byZod.data)); // the order of the fields is the same, too
      }),
      { numRuns: 600 },
    );
  },
);

test.each(usual)("the usual input of %s is parsed without the schema", (name, body) => {
  const operation = operations.find((one) => one.name === name);
  expect(operation && parsePlain(operation.input, body)).toMatchObject(body);
});

const sample = z.strictObject({
  text: text(2, 5),
  number: z.int().min(-2).max(2).optional(),
  flag: z.boolean().default(true),
});

test("the bounds of texts are in code points, and those of numbers are inclusive", () => {
  const letters = fc.array(fc.constantFrom("a", "😀"), { maxLength: 7 }).map((all) => all.join(""));
  const numbers = fc.constantFrom(-3, -2, 0, 2, 3, 0.5);
  const values = fc.record(
    { text: letters, number: numbers, flag: fc.boolean() },
    { requiredKeys: ["text"] },
  );
  fc.assert(
    fc.property(values, (value) => {
      const parsed = parsePlain(sample, value);
      if (parsed !== undefined)
        expect(sample.safeParse(value)).toEqual({ success: true, data: parsed as never });
    }),
    { numRuns: 1_000 },
  );
  expect(parsePlain(sample, { text: "aaaaa", number: -2 })).toEqual({
    text: "aaaaa",
    number: -2,
    flag: true,
  });
});

test("an object that may have unknown fields, or has a check that only the schema knows, is left to the schema", () => {
  for (const schema of [
    z.object(sample.shape),
    z.looseObject(sample.shape),
    sample.superRefine(() => undefined),
  ]) {
    expect(parsePlain(schema, { text: "aaaaa" })).toBeUndefined();
  }
});

test("a schema whose check is not in its list of checks, or that wraps another, is left to Zod", () => {
  const field = z.int().min(1);
  const schemas: [schema: z.ZodType, value: unknown][] = [
    [z.strictObject({ value: z.email() }), { value: "no address" }],
    [z.strictObject({ value: field.nullable().refine((given) => given !== 5) }), { value: 5 }],
    [z.strictObject({ value: field.optional().refine((given) => given !== 5) }), { value: 5 }],
    [z.strictObject({ value: field.optional().refine((given) => given !== undefined) }), {}],
    [z.strictObject({ value: field.default(7).refine((given) => given !== 7) }), {}],
    [z.strictObject({ value: field.default(7).optional() }), {}],
    [z.strictObject({ value: z.array(field).default([]) }), {}],
  ];
  for (const [schema, value] of schemas) expect(parsePlain(schema, value)).toBeUndefined();
});
