import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { openapi } from "../http/openapi.ts";
import { type Operation, operation } from "../operation.ts";
import { operations } from "./index.ts";

type Schema = {
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  additionalProperties?: boolean | Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
};

type Field = { path: string; schema: Schema };

/** Every field within a schema, at any depth. */
function fieldsWithin(schema: Schema, path: string): Field[] {
  const { properties = {}, items, anyOf = [], oneOf = [], additionalProperties } = schema;
  const values = typeof additionalProperties === "object" ? [additionalProperties] : [];
  return [
    ...Object.entries(properties).flatMap(([name, member]) => [
      { path: `${path}.${name}`, schema: member },
      ...fieldsWithin(member, `${path}.${name}`),
    ]),
    ...(items === undefined ? [] : fieldsWithin(items, `${path}[]`)),
    ...[...anyOf, ...oneOf].flatMap((choice) => fieldsWithin(choice, path)),
    ...values.flatMap((value) => [{ path: `${path}.*`, schema: value }, ...fieldsWithin(value, `${path}.*`)]),
  ];
}

type Body = { content: Record<string, { schema: Schema }> };
type Call = { operationId: string; requestBody?: Body; responses: Record<string, Body> };
type Document = {
  paths: Record<string, Record<string, Call>>;
  components: { schemas: Record<string, Schema> };
};

function fieldsWithinBody(body: Body | undefined, path: string): Field[] {
  return Object.values(body?.content ?? {}).flatMap(({ schema }) => fieldsWithin(schema, path));
}

/** Every field of the document: of every request, every response and every component. */
function documented(all: readonly Operation[]): Field[] {
  const { paths, components } = openapi(all, "http://127.0.0.1") as unknown as Document;
  const calls = Object.values(paths).flatMap((path) => Object.values(path));
  return [
    ...calls.flatMap(({ operationId, requestBody, responses }) => [
      ...fieldsWithinBody(requestBody, `${operationId} input`),
      ...Object.values(responses).flatMap((body) => fieldsWithinBody(body, `${operationId} output`)),
    ]),
    ...Object.entries(components.schemas).flatMap(([name, schema]) => fieldsWithin(schema, name)),
  ];
}

function undescribed(all: readonly Operation[]): string[] {
  return documented(all)
    .filter(({ schema }) => (schema.description ?? "").trim() === "")
    .map(({ path }) => path);
}

/** An operation with fields that have no description at several depths. The tests expect to find them all. */
const planted = operation({
  name: "planted.doIt",
  summary: "Plant fields without a description",
  permission: "api.*.plant",
  input: z.strictObject({ list: z.array(z.strictObject({ inner: z.int().nullable() })).describe("A list.") }),
  output: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("a").describe("The kind."), counts: z.record(z.string(), z.int()) }),
  ]),
  errors: [],
  example: { input: { list: [] } },
  run: async () => ({ kind: "a" as const, counts: {} }),
});

describe("the descriptions of fields", () => {
  test("every field of every operation has one, in requests, responses and shared components", () => {
    expect(documented(operations).length).toBeGreaterThan(600);
    expect(undescribed(operations)).toEqual([]);
  });

  test("a field without one is found at any depth", () => {
    expect(undescribed([planted])).toEqual([
      "planted.doIt input.list[].inner",
      "planted.doIt output.data.counts",
      "planted.doIt output.data.counts.*",
    ]);
  });

  test("each one of a request states every bound and the default of the schema", () => {
    const missing = documented(operations)
      .filter(({ path }) => path.includes(" input"))
      .flatMap(({ path, schema }) =>
        factsOf(schema)
          .filter((fact) => schema.description?.includes(fact) !== true)
          .map((fact) => `${path}: ${fact}`),
      );
    expect(missing).toEqual([]);
  });

  test("each field that is a time names its unit", () => {
    const names = /(expires|input\.(start|end)|time|reset|createdAt|updatedAt|lastUsedAt)$/;
    const times = documented(operations).filter(({ path }) => names.test(path));
    expect(times.length).toBeGreaterThan(20);
    expect(times.filter(({ schema }) => !/Unix time in milliseconds/.test(schema.description ?? ""))).toEqual(
      [],
    );
  });

  test("each duration names its unit", () => {
    const durations = documented(operations).filter(({ path }) => /\.(duration|expiration)$/.test(path));
    expect(durations.length).toBeGreaterThan(10);
    expect(durations.filter(({ schema }) => !/in milliseconds/.test(schema.description ?? ""))).toEqual([]);
  });
});

function factsOf(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema.anyOf?.[0] ?? schema;
  const bounds = [minimum, maximum, minLength || undefined, maxLength, minItems || undefined, maxItems]
    .filter((bound) => bound !== undefined && bound < Number.MAX_SAFE_INTEGER)
    .map(String);
  return schema.default === undefined ? bounds : [...bounds, `Default: ${JSON.stringify(schema.default)}`];
}
