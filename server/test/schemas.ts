/** The parts of JSON Schema that the schemas of inputs use. */
export type JsonSchema = {
  type?: string;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  pattern?: string;
};

/** A path in a body: names of members, and 0 for an item of an array. */
export type Path = readonly (string | 0)[];
export type Field = { path: Path; schema: JsonSchema; isRequired: boolean };

/** Returns every field of a body, at any depth. */
export function fieldsOf(schema: JsonSchema, path: Path = []): Field[] {
  const { properties = {}, required = [], items } = withoutNull(schema);
  const members = Object.entries(properties).flatMap(([name, member]) => [
    { path: [...path, name], schema: member, isRequired: required.includes(name) },
    ...fieldsOf(member, [...path, name]),
  ]);
  if (items === undefined) return members;
  const item: Path = [...path, 0];
  return [...members, { path: item, schema: items, isRequired: false }, ...fieldsOf(items, item)];
}

/** Returns every object with named fields in a body, the body itself included. */
export function objectsOf(schema: JsonSchema): { path: Path; schema: JsonSchema }[] {
  return [{ path: [], schema }, ...fieldsOf(schema)]
    .map(({ path, schema }) => ({ path, schema: withoutNull(schema) }))
    .filter(({ schema }) => schema.properties !== undefined);
}

/** Returns the schema without the alternative `null`. */
export function withoutNull(schema: JsonSchema): JsonSchema {
  return schema.anyOf?.find((one) => one.type !== "null") ?? schema;
}

/** Returns the JSON types that a schema accepts. */
export function typesOf(schema: JsonSchema): string[] {
  const all = schema.anyOf?.flatMap(typesOf) ?? [schema.type ?? "anything"];
  return all;
}

/**
 * Returns the body with this value at this path. What is missing around the value is added, with the smallest valid
 * values.
 */
export function withValue(schema: JsonSchema, body: unknown, path: Path, value: unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  const { properties = {}, items = {} } = withoutNull(schema);
  if (head === 0) {
    const [first, ...more] = Array.isArray(body) && body.length > 0 ? body : [sample(items)];
    return [withValue(items, first, rest, value), ...more];
  }
  const whole = isObject(body) ? body : (sample(schema) as Record<string, unknown>);
  return { ...whole, [head]: withValue(properties[head] ?? {}, whole[head], rest, value) };
}

/** Returns the body without the value at this path. */
export function without(schema: JsonSchema, body: unknown, path: Path): unknown {
  const marked = withValue(schema, body, path, undefined);
  return JSON.parse(JSON.stringify(marked));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const words = ["requests", "abc_1234"];

/** Returns the smallest value that the schema accepts. */
export function sample(given: JsonSchema): unknown {
  const schema = withoutNull(given);
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case "object": {
      const names = schema.required ?? [];
      return Object.fromEntries(names.map((name) => [name, sample(schema.properties?.[name] ?? {})]));
    }
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}));
    case "integer":
      return Math.max(schema.minimum ?? 0, Math.min(schema.maximum ?? 1_000, 1_000));
    case "boolean":
      return true;
    default:
      return words.find((word) => fits(schema, word)) ?? "x".repeat(schema.minLength ?? 1);
  }
}

/** Returns whether a text has the length (in code points) and the characters that a schema requires. */
export function fits(schema: JsonSchema, text: string): boolean {
  const { minLength = 0, maxLength = Infinity, pattern = "" } = schema;
  const length = Array.from(text).length;
  return length >= minLength && length <= maxLength && new RegExp(pattern).test(text);
}
