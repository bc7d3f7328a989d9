import { readFileSync } from "node:fs";
import { closest } from "../domain/closest.ts";
import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { UsageError } from "./commandError.ts";
import { parseTime } from "./times.ts";

/** The part of a field's JSON Schema that the command line uses. */
export type Schema = {
  type?: string;
  description?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
};

export function inputSchema({ input }: Operation): Schema {
  return jsonSchema(input, "input") as Schema;
}

export function commandName({ name }: Operation): string {
  return `latchkey ${name.replace(".", " ")}`;
}

/** The flags that every operation has, each with the text that follows it in the help. */
const commonFlags = {
  json: "<json | - | @file>  The whole body, instead of single fields; - reads the body from stdin.",
  "root-key-file":
    "<file | ->  The file with the root key, instead of LATCHKEY_ROOT_KEY; - reads the key from stdin.",
} as const;

/** further flags of operations that return a list */
const listFlags = {
  output: "<table | json>  How to print the list. Default: table on a terminal, else json.",
  all: "  Follows the pages to the end of the list. With json, each item is a line of its own.",
} as const;

type FurtherFlag = keyof typeof commonFlags | keyof typeof listFlags;

export function isList({ page }: Operation): boolean {
  return page !== undefined;
}

/** Returns the flags of an operation that are not fields, each with the text that follows it in the help. */
export function furtherFlags(operation: Operation): Readonly<Record<string, string>> {
  return isList(operation) ? { ...commonFlags, ...listFlags } : commonFlags;
}

/** The flags of a command line. `fields`: the values of the body's fields, as text. `further`: all other flags. */
export type Flags = {
  further: Partial<Record<FurtherFlag, string>>;
  fields: ReadonlyMap<string, string>;
};

/**
 * Parses the flags of an operation. Errors: `UsageError` if a flag has no value or appears twice, or if a word is
 * neither a flag nor a flag's value.
 */
export function readFlags(operation: Operation, words: readonly string[]): Flags {
  const known = furtherFlags(operation);
  const further: Flags["further"] = {};
  const fields = new Map<string, string>();
  const pairs = words.flatMap((word) => (word === "--all" && isList(operation) ? [word, ""] : word));
  for (let index = 0; index < pairs.length; index += 2) {
    const flag = pairs[index] ?? "";
    const value = pairs[index + 1];
    refuseRootKey(flag);
    const help = `See ${commandName(operation)} --help.`;
    if (!flag.startsWith("--")) {
      throw new UsageError(`Unexpected argument ${JSON.stringify(flag)}. Write --<field> <value>. ${help}`);
    }
    if (value === undefined) throw new UsageError(`${flag} has no value. Write ${flag} <value>. ${help}`);
    const name = flag.slice(2);
    if (fields.has(name) || Object.hasOwn(further, name))
      throw new UsageError(`${flag} appears twice. Write it once.`);
    if (Object.hasOwn(known, name)) further[name as FurtherFlag] = value;
    else fields.set(name, value);
  }
  return { further, fields };
}

/** Refuses a root key as an argument, because other users of the machine can read the arguments of a process. */
function refuseRootKey(flag: string): void {
  if (!/^--?root-?key(=|$)/i.test(flag)) return;
  throw new UsageError(
    "A root key must not be an argument, because other users of this machine could read it. Set LATCHKEY_ROOT_KEY, or use --root-key-file.",
  );
}

/**
 * Builds the body of the request. Errors: `UsageError` if a flag is unknown or missing, or has a value of the wrong
 * type.
 */
export function bodyOf(operation: Operation, { further, fields }: Flags, nowMs: number): unknown {
  const { json: whole } = further;
  if (whole !== undefined && fields.size > 0) {
    throw new UsageError("--json is the whole body. Do not combine it with other fields.");
  }
  if (whole !== undefined) return readJson(whole, "--json");
  const { properties = {}, required = [] } = inputSchema(operation);
  const schemas = new Map(Object.entries(properties));
  const body: Record<string, unknown> = {};
  for (const [name, text] of fields) {
    const schema = schemas.get(name) ?? unknownFlag(operation, name, [...schemas.keys()]);
    body[name] = parseValue(schema, text, `--${name}`, nowMs);
  }
  const missing = required.find((name) => !fields.has(name));
  if (missing !== undefined) {
    throw new UsageError(`--${missing} is missing. See ${commandName(operation)} --help.`);
  }
  return body;
}

function unknownFlag(operation: Operation, name: string, known: readonly string[]): never {
  const near = closest(name, known);
  const hint = near === undefined ? "" : ` Did you mean --${near}?`;
  throw new UsageError(`--${name} is not a field of ${operation.name}.${hint}`);
}

/**
 * Parses the value of a field by its schema. If the field may be null, the text `null` means null. Otherwise a field
 * that may be a string gets the text unchanged, a list of strings may be separated by commas, and a time may be
 * relative. All other values are JSON.
 */
function parseValue(schema: Schema, text: string, flag: string, nowMs: number): unknown {
  const kinds = schema.anyOf ?? [schema];
  if (text === "null" && kinds.some(({ type }) => type === "null")) return null;
  if (kinds.some(({ type }) => type === "string")) return text;
  if (kinds.some(isTextList) && !/^\s*\[|^-$|^@/.test(text)) return text.split(",").map((one) => one.trim());
  if (isTime(schema)) return timeOf(text, flag, nowMs);
  return readJson(text, flag);
}

export function isTextList({ items }: Schema): boolean {
  return items?.type === "string";
}

export function isTime({ description = "" }: Schema): boolean {
  return /Unix time in milliseconds/.test(description);
}

function timeOf(text: string, flag: string, nowMs: number): number {
  const atMs = parseTime(text, nowMs);
  if (atMs !== undefined) return atMs;
  throw new UsageError(
    `${flag} must be a time, and ${JSON.stringify(text)} is not. Use 30d (30 days from now), -7d (7 days ago), an ISO time, or Unix time in milliseconds.`,
  );
}

/** Parses JSON. The text `-` stands for the content of stdin, and `@path` for the content of the file at this path. */
function readJson(text: string, flag: string): unknown {
  const source = text === "-" ? "stdin" : text.startsWith("@") ? text.slice(1) : undefined;
  const content = source === undefined ? text : readSource(text === "-" ? 0 : text.slice(1), flag);
  try {
    return JSON.parse(content);
  } catch {
    const shown = source === undefined ? JSON.stringify(text) : `the content of ${source}`;
    throw new UsageError(`${flag} must be JSON, and ${shown} is not.`);
  }
}

/** Reads the file at the path `source`, or stdin if `source` is 0. Errors: `UsageError` if it cannot be read. */
export function readSource(source: string | 0, flag: string): string {
  try {
    return readFileSync(source, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    throw new UsageError(`${flag}: ${source === 0 ? "stdin" : source} cannot be read (${code}).`);
  }
}
