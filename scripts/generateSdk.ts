/**
 * Generates two files of the client from the OpenAPI document: the types of all operations, and the table
 * of operations.
 */

type Schema = {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  format?: string;
  description?: string;
  "x-latchkey-only-when-valid"?: boolean;
  "x-latchkey-types"?: string[];
};

type Post = {
  operationId: string;
  summary: string;
  description: string;
  parameters?: { name: string; in: string }[];
  "x-latchkey-counts"?: boolean;
  requestBody: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content: Record<string, { schema: Schema }> }>;
};

/** The part of an OpenAPI document that the generator reads. */
export type Document = {
  /** every operation is a `post`; the client ignores other methods, such as those of health checks */
  paths: Record<string, { post?: Post }>;
  components: { schemas: { Error: Schema } };
};

type Operation = {
  group: string;
  verb: string;
  post: Post;
  input: Schema;
  data: Schema | undefined;
  isPage: boolean;
};

/** The TypeScript type of `meta` in a schema: whether it is the metadata of an identity or of a key. */
type Owner = "IdentityMeta" | "KeyMeta";

/**
 * The source of sdk/src/operations.gen.ts: the types of every operation.
 * Errors: `Error` for a kind of schema that the generator does not know.
 */
export function sdkTypes(document: Document): string {
  const operations = operationsOf(document);
  const groups = [...new Set(operations.map((operation) => operation.group))];
  const things = namedThings(operations);
  const writer = { things, operations };
  const groupTypes = groups.map((group) => groupType(group, writer));
  const members = groupTypes.map((text, index) => {
    const [, name = "", parameter = ""] = /interface (\w+)(<M)?/.exec(text) ?? [];
    return `${groups[index]}: ${name}${parameter === "" ? "" : "<M>"};`;
  });
  return source([
    'import type {\nCall,\nCallOptions,\nEmptyResult,\nIdentityMeta,\nKeyMeta,\nMetaTypes,\nPageCall,\nResult,\n} from "./calls.ts";',
    `/** The last segment of an error's \`type\`. */\nexport type ErrorCode =\n${codes(document)};`,
    ...[...things.values()].map((thing) => thingType(thing, writer)),
    ...operations.map((operation) => inputType(operation, writer)),
    ...operations.map((operation) => dataType(operation, writer)),
    ...groupTypes,
    `/** Every operation of the API, by group. */\nexport type Groups<M extends MetaTypes = MetaTypes> = {\n${members.join("\n")}\n};`,
  ]);
}

/** The source of sdk/src/table.gen.ts: what the client must know about the operations at run time. */
export function sdkTable(document: Document): string {
  const operations = operationsOf(document);
  const groups = [...new Set(operations.map((operation) => operation.group))];
  return source([
    'import type { Row } from "./shape.ts";',
    `/** The members that hold a secret, at any depth. */\nexport const secretMembers: readonly string[] = ${JSON.stringify(secretMembers(operations))};`,
    `export const operations: Record<string, Record<string, Row>> = ${table(groups, operations)};`,
  ]);
}

function source(blocks: readonly string[]): string {
  const all = ["// Generated from openapi.json by `npm run generate`.", ...blocks].filter(
    (block) => block !== "",
  );
  return `${all.map(indented).join("\n\n")}\n`;
}

/** Indents each line by two spaces for each open brace. */
function indented(text: string): string {
  let depth = 0;
  return text
    .split("\n")
    .map((line) => {
      if (line.startsWith("}")) depth -= 1;
      const padding = "  ".repeat(depth);
      if (line.endsWith("{")) depth += 1;
      return `${padding}${line}`;
    })
    .join("\n");
}

function operationsOf({ paths }: Document): Operation[] {
  return Object.values(paths).flatMap(({ post }) => (post === undefined ? [] : [operationOf(post)]));
}

function operationOf(post: Post): Operation {
  const [group = "", verb = ""] = post.operationId.split(".");
  const result = only(post.responses["200"]?.content);
  const { data, pagination } = result.properties ?? {};
  return { group, verb, post, input: only(post.requestBody.content), data, isPage: pagination !== undefined };
}

function only(content: Record<string, { schema: Schema }> | undefined): Schema {
  const [media] = Object.values(content ?? {});
  if (media === undefined) {
    throw new Error(
      "An operation in openapi.json has no request body or no response with status 200 and a body.",
    );
  }
  return media.schema;
}

function codes(document: Document): string {
  const error = document.components.schemas.Error.properties?.["error"]?.properties?.["type"];
  const last = (error?.["x-latchkey-types"] ?? []).map((type) => type.slice(type.lastIndexOf("/") + 1));
  return [...new Set(last)]
    .sort()
    .map((code) => `| ${JSON.stringify(code)}`)
    .join("\n");
}

type Thing = { name: string; schema: Schema; owner: Owner };
type Writer = { things: Map<string, Thing>; operations: readonly Operation[] };

/**
 * The types that several operations share. The type `Key` is the result of `getKey`, and of every operation whose
 * result has the same shape. If several groups have a `getKey`, the name of the type begins with the group.
 */
function namedThings(operations: readonly Operation[]): Map<string, Thing> {
  const things = new Map<string, Thing>();
  for (const { verb, group, data } of operations) {
    const thing = /^get([A-Z]\w*)$/.exec(verb)?.[1];
    if (thing === undefined || data?.properties === undefined || things.has(shapeKey(data))) continue;
    const isAlone = operations.filter((operation) => operation.verb === verb).length === 1;
    const name = isAlone ? thing : `${pascal(group)}${thing}`;
    things.set(shapeKey(data), { name, schema: data, owner: ownerOf(group) });
  }
  return things;
}

function ownerOf(group: string): Owner {
  return group === "identities" ? "IdentityMeta" : "KeyMeta";
}

/** A string that is equal for schemas that differ only in descriptions and in members that begin with `x-`. */
function shapeKey(schema: Schema): string {
  return JSON.stringify(schema, (member, value: unknown) =>
    (member === "description" && typeof value === "string") || member.startsWith("x-") ? undefined : value,
  );
}

function thingType({ name, schema, owner }: Thing, writer: Writer): string {
  const text = objectType(schema, { writer, owner, side: "output" });
  return `export type ${generic(name, text)} = ${text};`;
}

function inputType(operation: Operation, writer: Writer): string {
  const text = typeOf(operation.input, { writer, owner: ownerOf(operation.group), side: "input" });
  return `export type ${generic(`${typeName(operation, writer)}Input`, text)} = ${text};`;
}

function dataType(operation: Operation, writer: Writer): string {
  const schema = item(operation);
  if (schema === undefined || writer.things.has(shapeKey(schema))) return "";
  const text = typeOf(schema, { writer, owner: ownerOf(operation.group), side: "output" });
  return `export type ${generic(dataName(operation, writer), text)} = ${text};`;
}

function dataName(operation: Operation, writer: Writer): string {
  const schema = item(operation);
  const thing = schema && writer.things.get(shapeKey(schema));
  return thing?.name ?? `${typeName(operation, writer)}${operation.isPage ? "Item" : "Data"}`;
}

/** The name of an operation's types: its verb, preceded by its group if several groups have the verb. */
function typeName({ group, verb }: Operation, { operations }: Writer): string {
  const isAlone = operations.filter((operation) => operation.verb === verb).length === 1;
  return isAlone ? pascal(verb) : `${pascal(group)}${pascal(verb)}`;
}

function generic(name: string, text: string): string {
  return hasMeta(text) ? `${name}<M extends MetaTypes = MetaTypes>` : name;
}

function hasMeta(text: string): boolean {
  return /<M>/.test(text);
}

function groupType(group: string, writer: Writer): string {
  const methods = writer.operations
    .filter((operation) => operation.group === group)
    .map((operation) => method(operation, writer));
  const isGeneric = methods.some((text) => text.includes("<C extends"));
  return `export interface ${pascal(group)}Operations${isGeneric ? "<M extends MetaTypes = MetaTypes>" : ""} {\n${methods.join("\n")}\n}`;
}

function method(operation: Operation, writer: Writer): string {
  const { post, verb, group, input } = operation;
  const place = { writer, owner: ownerOf(group) };
  const given = typeOf(input, { ...place, side: "input" });
  const returned = typeOf(item(operation) ?? {}, { ...place, side: "output" });
  const isGeneric = hasMeta(given) || hasMeta(returned);
  const isOptional = input.properties !== undefined && (input.required ?? []).length === 0;
  const docs = comment([`${post.summary}.`, post.description]);
  const parameter = `input${isOptional ? "?" : ""}: ${filled(`${typeName(operation, writer)}Input`, given)}`;
  const result = resultType(operation, filled(dataName(operation, writer), returned));
  return `${docs}${verb}${isGeneric ? "<C extends MetaTypes = M>" : ""}(${parameter}, options?: CallOptions): ${result};`;
}

/** The schema of the result's data, or of one item if the result is a page. */
function item({ data, isPage }: Operation): Schema | undefined {
  return isPage ? (data?.items ?? {}) : data;
}

function resultType({ data, isPage }: Operation, name: string): string {
  if (data === undefined) return "Call<EmptyResult>";
  return isPage ? `PageCall<${name}>` : `Call<Result<${name}>>`;
}

/**
 * How a method refers to the type `name`, whose source is `text`. A type that contains a `meta` gets the type parameter
 * `C` of the call.
 */
function filled(name: string, text: string): string {
  return hasMeta(text) ? `${name}<C>` : name;
}

type Place = { writer: Writer; owner: Owner; side: "input" | "output"; isMeta?: boolean };

function typeOf(schema: Schema, place: Place): string {
  const thing = place.side === "output" ? place.writer.things.get(shapeKey(schema)) : undefined;
  if (thing !== undefined)
    return hasMeta(objectType(thing.schema, { ...place, owner: thing.owner }))
      ? `${thing.name}<M>`
      : thing.name;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return choices.map((choice) => typeOf(choice, place)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return arrayOf(typeOf(schema.items ?? {}, place));
    case "object":
      return objectType(schema, place);
    case undefined:
      return "unknown";
    default:
      throw new Error(`The generator of the client has no type for the schema ${JSON.stringify(schema)}.`);
  }
}

function arrayOf(text: string): string {
  return /[|{]/.test(text) ? `Array<${text}>` : `${text}[]`;
}

function objectType(schema: Schema, place: Place): string {
  const { properties, additionalProperties } = schema;
  if (properties === undefined) {
    if (place.isMeta === true) return `${place.owner}<M>`;
    const values = typeof additionalProperties === "object" ? typeOf(additionalProperties, place) : "unknown";
    return `Record<string, ${values}>`;
  }
  if (Object.keys(properties).length === 0) return "Record<string, never>";
  const isRefusal = properties["valid"]?.const === false;
  const members = Object.entries(properties)
    .filter(([, member]) => !(isRefusal && member["x-latchkey-only-when-valid"] === true))
    .map(([name, member]) => memberType(name, member, schema, place));
  return `{\n${members.join("\n")}\n}`;
}

function memberType(name: string, member: Schema, parent: Schema, place: Place): string {
  const isRequired = parent.required?.includes(name) === true;
  const text = typeOf(member, { ...place, isMeta: name === "meta" });
  const absent = isRequired || place.side === "output" ? "" : " | undefined";
  return `${comment([member.description ?? ""])}${name}${isRequired ? "" : "?"}: ${text}${absent};`;
}

function comment(parts: readonly string[]): string {
  const text = parts
    .filter((part) => part !== "")
    .join("\n\n")
    .replaceAll("*/", "*\\/");
  if (text === "") return "";
  if (!text.includes("\n")) return `/** ${text} */\n`;
  return `/**\n${text
    .split("\n")
    .map((line) => ` * ${line}`.trimEnd())
    .join("\n")}\n */\n`;
}

/** The names of the members that are marked as secret in the schema of any input or result. */
function secretMembers(operations: readonly Operation[]): string[] {
  const found = new Set<string>();
  JSON.stringify(
    operations.map(({ input, data }) => [input, data]),
    (_, value: unknown) => {
      const { properties } = (value ?? {}) as Schema;
      for (const [name, member] of Object.entries(properties ?? {}))
        if (member.format === "password") found.add(name);
      return value;
    },
  );
  return [...found].sort();
}

function table(groups: readonly string[], operations: readonly Operation[]): string {
  const rows = groups.map((group) => {
    const own = operations.filter((operation) => operation.group === group);
    return `${group}: {\n${own.map((operation) => `${operation.verb}: ${row(operation)},`).join("\n")}\n}`;
  });
  return `{\n${rows.join(",\n")}\n}`;
}

function row({ post, data, isPage }: Operation): string {
  const writes = post.parameters?.some(({ name }) => name === "Idempotency-Key") === true;
  const marks = `${writes ? "w" : ""}${post["x-latchkey-counts"] === true ? "c" : ""}${isPage ? "p" : ""}`;
  return JSON.stringify(data === undefined ? [marks] : [marks, shapeOf(data, true)]);
}

/**
 * The shape that the client checks: the required members at the top level of a result (`isSurface`), and no members
 * below that.
 */
function shapeOf(schema: Schema, isSurface: boolean): unknown {
  const choices = schema.oneOf ?? (isSurface ? schema.anyOf : undefined);
  if (choices !== undefined) return commonShape(choices.map((choice) => shapeOf(choice, isSurface)));
  if (schema.type === "array") return isSurface ? [shapeOf(schema.items ?? {}, true)] : "array";
  if (schema.type !== "object" || !isSurface) return jsonType(schema);
  const required = (schema.required ?? []).map((name) => [
    name,
    shapeOf(schema.properties?.[name] ?? {}, false),
  ]);
  return Object.fromEntries(required.filter(([, shape]) => shape !== undefined));
}

function commonShape(shapes: readonly unknown[]): unknown {
  const [first = {}, ...others] = shapes as Record<string, unknown>[];
  return Object.fromEntries(
    Object.entries(first).filter(([name, shape]) => others.every((other) => other[name] === shape)),
  );
}

function jsonType({ type, const: constant, enum: values }: Schema): string | undefined {
  const example = constant ?? values?.[0];
  if (example !== undefined) return typeof example;
  return type === "integer" ? "number" : type;
}

function pascal(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
