import type { z } from "zod";
import type { Certain } from "./domain/certain.ts";

/** What a parser returns if only Zod can tell whether a value is valid. */
const undecided = Symbol("undecided");
/** Returns the parsed value if it is certainly valid, and `undecided` if Zod must decide. */
type Parser = (value: unknown) => unknown;
const never: Parser = () => undecided;

const parsers = new WeakMap<z.ZodType, Parser>();

/**
 * Parses most valid inputs of frequently called operations without Zod: texts, whole numbers, booleans, words of an
 * enum, metadata, and objects and arrays of these. Returns `undefined` if Zod must decide. Zod would create 1.2 KB of
 * objects for a verification, an eighth of all objects that a verification creates.
 */
export function parsePlain(schema: z.ZodType, value: unknown): object | undefined {
  let parse = parsers.get(schema);
  if (parse === undefined) {
    parse = parserOf(schema) ?? never;
    parsers.set(schema, parse);
  }
  const parsed = parse(value);
  return typeof parsed === "object" && parsed !== null ? parsed : undefined;
}

type Def = {
  type: string;
  /** set if the schema is a check itself, such as `z.email()` */
  check?: string;
  shape?: Record<string, z.ZodType>;
  catchall?: z.ZodType;
  element?: z.ZodType;
  innerType?: z.ZodType;
  entries?: Record<string, string>;
  defaultValue?: unknown;
  checks?: readonly Check[];
  fn?: (value: unknown) => unknown;
};
/** A check of a Zod schema. Checks that `checkWith` made have `isCertain`. */
type Check = {
  _zod: {
    check: { isCertain?: Certain };
    def: {
      check: string;
      inclusive?: boolean;
      format?: string;
      minimum?: number;
      maximum?: number;
      pattern?: RegExp;
      /** the condition of a `refine` */
      fn?: (value: unknown) => unknown;
    };
  };
};

const defOf = (schema: z.ZodType) => schema._zod.def as unknown as Def;

const makers: Record<string, (def: Def, schema: z.ZodType) => Parser | undefined> = {
  string: ({ check, checks = [] }) =>
    check === undefined ? whenCertain((value) => typeof value === "string", checks) : undefined,
  boolean: ({ checks = [] }) => whenCertain((value) => typeof value === "boolean", checks),
  number: ({ checks = [] }, schema) => wholeNumberParser(schema as z.ZodNumber, checks),
  enum: ({ entries = {}, checks = [] }) => {
    const words = new Set<unknown>(Object.values(entries));
    return whenCertain((value) => words.has(value), checks);
  },
  unknown: () => (value) => value,
  custom: ({ fn, checks = [] }) => fn && whenCertain((value) => fn(value) === true, checks),
  nullable({ innerType, checks = [] }) {
    const parse = innerType && checks.length === 0 ? parserOf(innerType) : undefined;
    return parse && ((value) => (value === null ? null : parse(value)));
  },
  array: arrayParser,
  object: objectParser,
};

/** Returns a parser, or `undefined` if no value of this schema can be parsed without Zod. */
function parserOf(schema: z.ZodType): Parser | undefined {
  const def = defOf(schema);
  return makers[def.type]?.(def, schema);
}

/**
 * Returns a parser that returns the value itself if `hasType` holds and the value passes all checks, and `undecided`
 * otherwise. Returns `undefined` if only Zod can do one of the checks.
 */
function whenCertain(hasType: Certain, checks: readonly Check[]): Parser | undefined {
  const passes = passesAll(checks);
  return passes && ((value) => (hasType(value) && passes(value) ? value : undecided));
}

/** Returns one function for all checks, or `undefined` if only Zod can tell whether a value passes one of them. */
function passesAll(checks: readonly Check[]): Certain | undefined {
  const all = checks.map(certaintyOf).filter((passes) => passes !== undefined);
  if (all.length < checks.length) return undefined;
  return (value) => {
    for (const passes of all) if (!passes(value)) return false;
    return true;
  };
}

function certaintyOf({ _zod: { check, def } }: Check): Certain | undefined {
  const { fn, pattern, minimum = 0, maximum = Infinity } = def;
  if (check.isCertain !== undefined) return check.isCertain;
  if (def.check === "min_length" || def.check === "max_length") {
    return (value) => lengthOf(value) >= minimum && lengthOf(value) <= maximum;
  }
  if (def.format === "regex") return pattern && ((value) => isMatch(pattern, value));
  return fn && ((value) => fn(value) === true);
}

function isMatch(pattern: RegExp, value: unknown): boolean {
  pattern.lastIndex = 0;
  return pattern.test(value as string);
}

const lengthOf = (value: unknown) => (value as { length: number }).length;

const bounding = new Set(["greater_than", "less_than"]);

function wholeNumberParser(schema: z.ZodNumber, checks: readonly Check[]): Parser | undefined {
  const { minValue, maxValue, format } = schema;
  const isBound = ({ _zod: { def } }: Check) => bounding.has(def.check) && def.inclusive === true;
  const isWhole = ({ _zod: { def } }: Check) => def.check === "number_format" && def.format === "safeint";
  if (format !== "safeint" || !checks.every((check) => isBound(check) || isWhole(check))) return undefined;
  const [least, most] = [minValue ?? Number.MIN_SAFE_INTEGER, maxValue ?? Number.MAX_SAFE_INTEGER];
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most ? value : undecided;
}

function arrayParser({ element, checks = [] }: Def): Parser | undefined {
  const [parse, passes] = [element && parserOf(element), passesAll(checks)];
  if (parse === undefined || passes === undefined) return undefined;
  return (value) => {
    if (!Array.isArray(value)) return undecided;
    const parsed: unknown[] = [];
    for (const item of value) {
      const result = parse(item);
      if (result === undecided) return undecided;
      parsed.push(result);
    }
    return passes(parsed) ? parsed : undecided;
  };
}

/**
 * A field of an object. `omitted` is what an object without the field gets: the default, `undefined`, or `undecided`.
 */
type Field = { name: string; parse: Parser; omitted: unknown };

function objectParser({ shape = {}, catchall, checks = [] }: Def): Parser | undefined {
  const isStrict = catchall !== undefined && defOf(catchall).type === "never";
  const passes = passesAll(checks);
  const fields = Object.entries(shape).map(([name, field]) => fieldOf(name, field));
  const needsZod = fields.some(({ parse, omitted }) => parse === never && omitted === undecided);
  if (!isStrict || passes === undefined || needsZod) return undefined;
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undecided;
    const parsed = parseFields(fields, value as Record<string, unknown>);
    return parsed !== undecided && passes(parsed) ? parsed : undecided;
  };
}

/**
 * Sets the fields in the order of the schema, as Zod does. A loop, because spreading objects takes four times as long.
 */
function parseFields(fields: readonly Field[], given: Record<string, unknown>): unknown {
  const parsed: Record<string, unknown> = {};
  let unknown = 0;
  for (const _ in given) unknown += 1;
  for (const { name, parse, omitted } of fields) {
    const isGiven = given[name] !== undefined;
    const value = isGiven ? parse(given[name]) : omitted;
    if (value === undecided) return undecided;
    if (isGiven) unknown -= 1;
    if (value !== undefined) parsed[name] = value;
  }
  return unknown === 0 ? parsed : undecided;
}

function fieldOf(name: string, field: z.ZodType): Field {
  const { type, innerType = field, defaultValue, checks = [] } = defOf(field);
  const mayBeOmitted = type === "optional" || type === "default";
  if (!mayBeOmitted) return { name, parse: parserOf(field) ?? never, omitted: undecided };
  const parse = (checks.length === 0 && parserOf(innerType)) || never;
  const isNested = omittable.has(defOf(innerType).type); // then the inner schema decides what an omitted field gets
  const isShared = typeof defaultValue === "object" && defaultValue !== null; // all inputs would get the same object
  return { name, parse, omitted: checks.length > 0 || isNested || isShared ? undecided : defaultValue };
}

const omittable = new Set(["optional", "default", "prefault"]);
