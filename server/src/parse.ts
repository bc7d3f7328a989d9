import { z } from "zod";
import { closest } from "./domain/closest.ts";
import { memberPath } from "./domain/location.ts";
import { type Settled, settle } from "./domain/settled.ts";
import { Failure, type Flaw } from "./errors/failure.ts";
import { parsePlain } from "./plainInput.ts";

/** A response lists at most 100 violations, in at most 48 KiB. */
const mostListed = 100;
const mostListedBytes = 48 * 1024;

/**
 * Validates a value by a schema, and returns the parsed input. Errors: `invalid_input` with the first violations in
 * the order of the schema, unknown fields last. Its detail says how many more there are.
 */
export function parseInput(schema: z.ZodType, value: unknown): unknown {
  return parsePlain(schema, value) ?? inputOf(schema.safeParse(value), schema, value);
}

/** Like `parseInput`. Validates a long list in slices, and yields to the event loop between them. */
export async function parseLargeInput(schema: z.ZodType, value: unknown): Promise<unknown> {
  return inputOf(await schema.safeParseAsync(value), schema, value);
}

/**
 * Parses each entry of a list by itself. Returns for each its input, or the error that it would get as a whole body.
 * Errors: `invalid_input` if the value is not a list, or has too few or too many entries.
 */
export function parseEntries(list: z.ZodType, value: unknown): Settled<unknown>[] {
  const { element } = list as z.ZodArray<z.ZodType>;
  const entries = parseInput(listOfAnything(list as z.ZodArray), value);
  return (entries as unknown[]).map((entry) => settle(parseInput, element, entry));
}

const listsOfAnything = new WeakMap<z.ZodArray, z.ZodArray>();

/** Returns a schema for lists of the same lengths whose entries may be anything. It is created once for each `list`. */
function listOfAnything(list: z.ZodArray): z.ZodArray {
  let made = listsOfAnything.get(list);
  if (made === undefined) {
    made = z.clone(list, { ...list._zod.def, element: z.unknown() }) as z.ZodArray;
    listsOfAnything.set(list, made);
  }
  return made;
}

function inputOf(result: z.ZodSafeParseResult<unknown>, schema: z.ZodType, value: unknown): unknown {
  if (result.success) return result.data;
  const { issues } = result.error;
  const flaws = firstFlaws(issues, schema, value);
  const [first] = flaws;
  const count = issues.reduce((sum, issue) => sum + violationsIn(issue), 0);
  throw new Failure("invalid_input", {
    detail:
      first === undefined
        ? "The body is not valid."
        : `${first.location} ${first.message}${howManyMore(count, flaws.length)}.`,
    flaws,
  });
}

/**
 * Says how many violations the detail leaves out. Validation of a list stops at `mostListed` violations, so if `count`
 * is that high, there may be more.
 */
function howManyMore(count: number, listed: number): string {
  if (count === 1) return "";
  if (count < mostListed && listed === count) return ` (and ${count - 1} more)`;
  return ` (and at least ${count - 1} more, of which ${listed - 1} are listed)`;
}

type Issue = z.core.$ZodIssue;

function violationsIn(issue: Issue): number {
  return issue.code === "unrecognized_keys" ? issue.keys.length : 1;
}

/** Returns the first flaws: at most `mostListed`, and at most `mostListedBytes` of JSON. */
function firstFlaws(issues: readonly Issue[], schema: z.ZodType, value: unknown): Flaw[] {
  const listed: Flaw[] = [];
  let bytes = 0;
  for (const issue of issues) {
    for (const flaw of flawsOf(issue, schema, value)) {
      bytes += new TextEncoder().encode(JSON.stringify(flaw)).byteLength;
      if (listed.length === mostListed || bytes > mostListedBytes) return listed;
      listed.push(flaw);
    }
  }
  return listed;
}

function flawsOf(issue: Issue, schema: z.ZodType, value: unknown): Flaw[] {
  const location = locationOf(issue.path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownMembers(schema, issue.path);
      return issue.keys.slice(0, mostListed).map((key) => unknownMember(key, location, known));
    }
    case "invalid_type":
      return [wrongType(issue.expected, location, at(value, issue.path))];
    case "too_small":
      return [outOfBounds(issue, location, "least", Number(issue.minimum))];
    case "too_big":
      return [outOfBounds(issue, location, "most", Number(issue.maximum))];
    case "invalid_format":
      return [{ location, message: "does not have the allowed form", fix: issue.message }];
    case "invalid_value":
      return [noneOf(issue.values, location, at(value, issue.path))];
    case "invalid_union":
      return [noneOfChoices(issue, schema, value)];
    case "custom":
      return [{ location, message: issue.message, fix: fixOf(issue.params) }];
    case "invalid_element":
    case "invalid_key":
    case "not_multiple_of":
      return [{ location, message: issue.message }];
  }
}

function locationOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (parent, member) => memberPath(parent, typeof member === "number" ? member : String(member)),
    "body",
  );
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, member) => (inner as Record<PropertyKey, unknown> | undefined)?.[member],
    value,
  );
}

const typeNames: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a whole number up to 2^53 - 1",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  null: "null",
};

function wrongType(expected: string, location: string, actual: unknown): Flaw {
  const wanted = typeNames[expected] ?? expected;
  if (actual === undefined) return { location, message: "is missing", fix: `send ${wanted}` };
  if (expected === "int" && typeof actual === "number") {
    return { location, message: "is not a whole number", fix: `send ${wanted}` };
  }
  return { location, message: `is ${describe(actual)}, not ${wanted}`, fix: `send ${wanted}` };
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeNames[typeof value] ?? typeof value;
}

function outOfBounds(
  issue: { origin: string },
  location: string,
  side: "least" | "most",
  bound: number,
): Flaw {
  const unit = issue.origin === "string" ? " characters" : issue.origin === "array" ? " items" : "";
  const has = unit === "" ? "is" : "has";
  const comparison = side === "least" ? (unit === "" ? "less than" : "fewer than") : "more than";
  return {
    location,
    message: `${has} ${comparison} ${bound}${unit}`,
    fix: `${unit === "" ? "use" : "send"} at ${side} ${bound}${unit}`,
  };
}

function noneOf(values: readonly unknown[], location: string, actual: unknown): Flaw {
  const message = actual === undefined ? "is missing" : "is not one of the allowed values";
  const near = typeof actual === "string" ? closest(actual, values.map(String)) : undefined;
  const hint = near === undefined ? "" : `did you mean ${JSON.stringify(near)}? `;
  return { location, message, fix: `${hint}use ${listed(values)}` };
}

/**
 * Returns the flaw of a value that fits no choice of a union. If one choice has the value's type, returns what that
 * choice finds wrong, for example that a number is too small. Otherwise lists all choices.
 */
function noneOfChoices(
  issue: Extract<Issue, { code: "invalid_union" }>,
  schema: z.ZodType,
  value: unknown,
): Flaw {
  const isText = typeof at(value, issue.path) === "string";
  const choices = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first]));
  const flaws = choices.flatMap((choice) =>
    flawsOf({ ...choice, path: [...issue.path, ...choice.path] }, schema, value),
  );
  const meant = choices.findIndex(({ code }) => code !== "invalid_type" && code !== "invalid_value");
  const flaw = flaws[meant];
  if (flaw !== undefined && !isText) return flaw;
  const message = "is not one of the allowed values";
  return {
    location: locationOf(issue.path),
    message,
    fix: flaws.flatMap(({ fix = [] }) => fix).join(", or "),
  };
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

function fixOf(params: Record<string, unknown> | undefined): string {
  const fix = params?.["fix"];
  return typeof fix === "string" ? fix : "see the description of this field in /openapi.json";
}

function unknownMember(key: string, parent: string, known: readonly string[]): Flaw {
  const location = memberPath(parent, key);
  const close = closest(key, known);
  const fix =
    close === undefined ? `omit it; allowed fields: ${known.join(", ")}` : `did you mean "${close}"?`;
  return { location, message: "is not a known field", fix };
}

type Walkable = { shape?: Record<string, Walkable>; element?: Walkable; unwrap?: () => Walkable };

/** Returns the names of the fields that the object schema at `path` allows. */
function knownMembers(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current = unwrapped(schema as unknown as Walkable);
  for (const member of path) {
    const inner = typeof member === "number" ? current?.element : current?.shape?.[String(member)];
    current = unwrapped(inner);
  }
  return Object.keys(current?.shape ?? {});
}

/** Removes optional, nullable and default around a schema. */
function unwrapped(schema: Walkable | undefined): Walkable | undefined {
  let current = schema;
  while (current !== undefined && current.shape === undefined && current.element === undefined) {
    const inner = current.unwrap?.();
    if (inner === undefined) return current;
    current = inner;
  }
  return current;
}
