import type { z } from "zod";
import { memberPath } from "./domain/location.ts";
import { Failure, type Flaw } from "./errors.ts";

/**
 * The input as the schema types it.
 * Errors: `invalid_input` with one flaw for each violation, in the order of the schema, unknown members last.
 */
export function parseInput(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const flaws = result.error.issues.flatMap((issue) => flawsOf(issue, schema, value));
  const [first] = flaws;
  const more = flaws.length > 1 ? ` (and ${flaws.length - 1} more)` : "";
  throw new Failure("invalid_input", {
    detail: first === undefined ? "The body is not valid." : `${first.location} ${first.message}${more}.`,
    flaws,
  });
}

type Issue = z.core.$ZodIssue;

function flawsOf(issue: Issue, schema: z.ZodType, value: unknown): Flaw[] {
  const location = locationOf(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownMember(key, location, knownMembers(schema, issue.path)));
    case "invalid_type":
      return [wrongType(issue.expected, location, at(value, issue.path))];
    case "too_small":
      return [outOfBounds(issue, location, "least", Number(issue.minimum))];
    case "too_big":
      return [outOfBounds(issue, location, "most", Number(issue.maximum))];
    case "invalid_format":
      return [{ location, message: "has characters that are not allowed", fix: issue.message }];
    case "invalid_value":
      return [noneOf(issue.values, location, at(value, issue.path))];
    case "custom":
      return [{ location, message: issue.message, fix: fixOf(issue.params) }];
    case "invalid_element":
    case "invalid_key":
    case "invalid_union":
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
  if (actual === undefined) return { location, message: "is missing", fix: `give ${wanted}` };
  if (expected === "int" && typeof actual === "number") {
    return { location, message: "is not a whole number", fix: `give ${wanted}` };
  }
  return { location, message: `is ${describe(actual)}, not ${wanted}`, fix: `give ${wanted}` };
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
    fix: `${unit === "" ? "use" : "give"} at ${side} ${bound}${unit}`,
  };
}

function noneOf(values: readonly unknown[], location: string, actual: unknown): Flaw {
  const message = actual === undefined ? "is missing" : "is none of the allowed values";
  return { location, message, fix: `use ${listed(values)}` };
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

function fixOf(params: Record<string, unknown> | undefined): string {
  const fix = params?.["fix"];
  return typeof fix === "string" ? fix : "see this field in /openapi.json";
}

function unknownMember(key: string, parent: string, known: readonly string[]): Flaw {
  const location = memberPath(parent, key);
  const close = closest(key, known);
  const fix =
    close === undefined ? `leave it away; known here: ${known.join(", ")}` : `did you mean "${close}"?`;
  return { location, message: "is not a known field", fix };
}

type Walkable = { shape?: Record<string, Walkable>; element?: Walkable; unwrap?: () => Walkable };

/** The members that the object schema at `path` knows. */
function knownMembers(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current = unwrapped(schema as unknown as Walkable);
  for (const member of path) {
    const inner = typeof member === "number" ? current?.element : current?.shape?.[String(member)];
    current = unwrapped(inner);
  }
  return Object.keys(current?.shape ?? {});
}

/** Without optional, nullable and default around it. */
function unwrapped(schema: Walkable | undefined): Walkable | undefined {
  let current = schema;
  while (current !== undefined && current.shape === undefined && current.element === undefined) {
    const inner = current.unwrap?.();
    if (inner === undefined) return current;
    current = inner;
  }
  return current;
}

const furthestTypo = 2;
const longestTypo = 40;

/** The known name that differs in case, or by at most two typing errors. */
export function closest(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestTypo) return undefined;
  const folded = name.toLowerCase().replace(/[_-]/g, "");
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(folded, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.min(furthestTypo, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
