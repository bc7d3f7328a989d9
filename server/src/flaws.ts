import type { z } from "zod";
import { closest } from "./domain/closest.ts";
import { memberPath } from "./domain/location.ts";
import type { Flaw } from "./errors/failure.ts";

type Issue = z.core.$ZodIssue;

/** How to put flaws into words, for the people who correct the value. */
export type Wording = {
  /** the location of the whole value */
  root: string;
  verb: "send" | "write";
  /**
   * The fix if a refinement has none. Without it, the messages in the schema also say what to do, such as "must be an
   * object", so they are used unchanged.
   */
  defaultFix?: string;
};

/** The value that an issue is about. */
type Source = { schema: z.ZodType; value: unknown; wording: Wording };

/** The maximum number of flaws that one issue becomes. */
export const mostFlaws = 100;

/** Says where, what is wrong, and what to do. Only unknown fields are several flaws of one issue. */
export function flawsOf(issue: Issue, source: Source): Flaw[] {
  const { schema, value, wording } = source;
  const location = locationOf(issue.path, wording);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownMembers(schema, issue.path);
      return issue.keys.slice(0, mostFlaws).map((key) => unknownMember(key, location, known));
    }
    case "invalid_type":
      return [wrongType(issue.expected, location, at(value, issue.path), wording)];
    case "too_small":
      return [outOfBounds(issue.origin, location, ["least", issue.minimum], wording)];
    case "too_big":
      return [outOfBounds(issue.origin, location, ["most", issue.maximum], wording)];
    case "invalid_format":
      return [
        wording.defaultFix === undefined
          ? { location, message: issue.message }
          : { location, message: "does not have the allowed form", fix: issue.message },
      ];
    case "invalid_value":
      return [noneOf(issue.values, location, at(value, issue.path))];
    case "invalid_union":
      return [noneOfChoices(issue, source)];
    case "custom":
      return [{ location, message: issue.message, ...fixOf(issue.params, wording) }];
    case "invalid_element":
    case "invalid_key":
    case "not_multiple_of":
      return [{ location, message: issue.message }];
  }
}

/** Returns a flaw as one sentence without a full stop. */
export function sentenceOf({ location, message, fix }: Flaw): string {
  return fix === undefined ? `${location}: ${message}` : `${location} ${message}: ${fix}`;
}

function locationOf(path: readonly PropertyKey[], { root }: Wording): string {
  return path.reduce<string>(
    (parent, member) => memberPath(parent, typeof member === "number" ? member : String(member)),
    root,
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

function wrongType(expected: string, location: string, actual: unknown, { verb }: Wording): Flaw {
  const wanted = typeNames[expected] ?? expected;
  const fix = `${verb} ${wanted}`;
  if (actual === undefined) return { location, message: "is missing", fix };
  if (expected === "int" && typeof actual === "number") {
    return { location, message: "is not a whole number", fix };
  }
  return { location, message: `is ${describe(actual)}, not ${wanted}`, fix };
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeNames[typeof value] ?? typeof value;
}

function outOfBounds(
  origin: string,
  location: string,
  [side, bound]: readonly ["least" | "most", number | bigint],
  { verb }: Wording,
): Flaw {
  const unit = origin === "string" ? " characters" : origin === "array" ? " items" : "";
  const has = unit === "" ? "is" : "has";
  const comparison = side === "least" ? (unit === "" ? "less than" : "fewer than") : "more than";
  return {
    location,
    message: `${has} ${comparison} ${bound}${unit}`,
    fix: `${unit === "" ? "use" : verb} at ${side} ${bound}${unit}`,
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
function noneOfChoices(issue: Extract<Issue, { code: "invalid_union" }>, source: Source): Flaw {
  const { value, wording } = source;
  const location = locationOf(issue.path, wording);
  const isText = typeof at(value, issue.path) === "string";
  const choices = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first]));
  const flaws = choices.flatMap((choice) =>
    flawsOf({ ...choice, path: [...issue.path, ...choice.path] }, source),
  );
  const meant = choices.findIndex(({ code }) => code !== "invalid_type" && code !== "invalid_value");
  const flaw = flaws[meant];
  if (flaw !== undefined && !isText) return flaw;
  if (wording.defaultFix === undefined) return { location, message: issue.message };
  return {
    location,
    message: "is not one of the allowed values",
    fix: flaws.flatMap(({ fix = [] }) => fix).join(", or "),
  };
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

function fixOf(params: Record<string, unknown> | undefined, { defaultFix }: Wording): { fix?: string } {
  const { fix = defaultFix } = params ?? {};
  return typeof fix === "string" ? { fix } : {};
}

function unknownMember(key: string, parent: string, known: readonly string[]): Flaw {
  const location = memberPath(parent, key);
  const close = closest(key, known);
  const fix =
    close === undefined ? `omit it; allowed fields: ${known.join(", ")}` : `did you mean "${close}"?`;
  return { location, message: "is not a known field", fix };
}

type Walkable = {
  shape?: Record<string, Walkable>;
  element?: Walkable;
  options?: readonly Walkable[];
  unwrap?: () => Walkable;
};

/** Returns the names of the fields that the object schema at `path` allows. */
function knownMembers(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current = unwrapped(schema as unknown as Walkable);
  for (const member of path) {
    const inner = typeof member === "number" ? current?.element : current?.shape?.[String(member)];
    current = unwrapped(inner);
  }
  return Object.keys(current?.shape ?? {});
}

/** Removes optional, nullable and default around a schema. Of a union, returns the object. */
function unwrapped(schema: Walkable | undefined): Walkable | undefined {
  let current = schema;
  while (current !== undefined && current.shape === undefined && current.element === undefined) {
    const inner = current.unwrap?.() ?? current.options?.find(({ shape }) => shape !== undefined);
    if (inner === undefined) return current;
    current = inner;
  }
  return current;
}
