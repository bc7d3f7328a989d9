import { expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import type { Operation } from "./operation.ts";
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

/** Generates inputs: the operation's example with up to two fields added, removed or changed to any value. */
function inputsOf({ input, example }: Operation): fc.Arbitrary<unknown> {
  const { shape } = input as unknown as { shape?: Record<string, unknown> };
  const names = [...Object.keys(shape ?? {}), "unknown", "__proto__", "constructor"];
  const change = fc.tuple(fc.constantFrom(...names), fc.option(values, { nil: undefined }));
  const changed = fc.uniqueArray(change, { selector: ([name]) => name, maxLength: 2 }).map((changes) => {
    const fields = new Map<string, unknown>([...Object.entries(example.input), ...changes]);
    const members = [...fields].filter(([, value]) => value !== undefined);
    const texts = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return JSON.parse(`{${texts.join()}}`) as unknown;
  });
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: values });
}

test.each(operations)(
  "input of $name that is parsed without the schema is valid, and parsed as the schema would",
  (operation) => {
    const { input } = operation;
    fc.assert(
      fc.property(inputsOf(operation), (value) => {
        const parsed = parsePlain(input, value);
        if (parsed !== undefined) expect(input.safeParse(value)).toEqual({ success: true, data: parsed });
      }),
      { numRuns: 600 },
    );
  },
);

test.each([
  ["keys.verifyKey", { key: "prod_2cGKbMxRyIzhCxo1Idjz8q" }],
  ["keys.verifyKey", { key: "prod_2cGKbMxRyIzhCxo1Idjz8q", permissions: "documents.read" }],
  ["ratelimit.limit", { namespace: "email", identifier: "user_123", limit: 10, duration: 60_000 }],
  ["identities.getIdentity", { identity: "user_123" }],
])("the usual input of %s is parsed without the schema", (name, body) => {
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

test("an object that may have unknown fields, or is checked as a whole, is left to the schema", () => {
  for (const schema of [z.object(sample.shape), z.looseObject(sample.shape), sample.refine(() => false)]) {
    expect(parsePlain(schema, { text: "aaaaa" })).toBeUndefined();
  }
});
