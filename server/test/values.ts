import { type Field, fits, type JsonSchema, sample, typesOf, withoutNull } from "./schemas.ts";

const samples: readonly unknown[] = ["zzzz", "5", "true", 5, 5.5, true, null, [], {}];
const typeOf = (value: unknown): string[] => {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  return [typeof value];
};

/** Returns values of types that the field does not accept. */
export function wrongFor(field: JsonSchema): unknown[] {
  const types = typesOf(field);
  if (types.includes("anything")) return [];
  return samples.filter((value) => !typeOf(value).some((type) => types.includes(type)));
}

/** Matches messages that say that a value is beyond a bound. */
export const ofBounds = /^(has|is) (more|fewer|less|not one)/;

/** The outermost valid values of a field, and the first invalid values beyond them. */
type Bounds = { within: unknown[]; beyond: unknown[] };

export function boundsOf({ schema: given }: Field): Bounds {
  const schema = withoutNull(given);
  if (schema.enum !== undefined) return { within: schema.enum, beyond: ["zzzz", ""] };
  switch (schema.type) {
    case "integer":
      return integerBounds(schema);
    case "string":
      return stringBounds(schema);
    case "array":
      return arrayBounds(schema);
    case "object":
      return memberBounds(schema);
    default:
      return { within: [], beyond: [] };
  }
}

function integerBounds({ minimum, maximum }: JsonSchema): Bounds {
  const lower = minimum === undefined ? [] : [minimum];
  const upper = maximum === undefined ? [] : [maximum];
  return {
    within: [...lower, ...upper],
    beyond: [...lower.map((bound) => bound - 1), ...upper.map((bound) => bound + 1)],
  };
}

/**
 * Returns texts whose lengths are at the bounds. They consist of letters or, if the pattern allows it, of characters
 * above U+FFFF, each of which is one code point.
 */
function stringBounds(schema: JsonSchema): Bounds {
  const { minLength = 0, maxLength } = schema;
  const lengths = [minLength - 1, minLength, maxLength, (maxLength ?? Infinity) + 1];
  const texts = lengths
    .filter((length) => length !== undefined && length >= 0 && length < 10_000)
    .flatMap((length) => ["a".repeat(length ?? 0), "😀".repeat(length ?? 0)]);
  const allowed = texts.filter((text) => new RegExp(schema.pattern ?? "").test(text) || text === "");
  return {
    within: allowed.filter((text) => fits(schema, text)),
    beyond: allowed.filter((text) => !fits(schema, text) && (text !== "" || minLength > 0)),
  };
}

function arrayBounds({ items = {}, minItems = 0, maxItems }: JsonSchema): Bounds {
  const of = (count: number) => Array.from({ length: count }, (_, index) => distinct(items, index));
  return {
    within: [of(minItems), ...(maxItems === undefined ? [] : [of(maxItems)])],
    beyond: [
      ...(minItems === 0 ? [] : [of(minItems - 1)]),
      ...(maxItems === undefined ? [] : [of(maxItems + 1)]),
    ],
  };
}

/** Returns the item for this index of an array. It differs from the items for other indexes. */
function distinct(schema: JsonSchema, index: number): unknown {
  const item = sample(schema);
  if (typeof item === "string") return `${item}${index}`;
  const name = "properties" in schema && schema.properties?.["name"] !== undefined;
  return name ? { ...(item as object), name: `requests${index}` } : item;
}

function memberBounds({ maxProperties }: JsonSchema): Bounds {
  if (maxProperties === undefined) return { within: [], beyond: [] };
  const of = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));
  return { within: [{}, of(maxProperties)], beyond: [of(maxProperties + 1)] };
}
