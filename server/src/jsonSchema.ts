import { z } from "zod";

export type JsonSchema = Record<string, unknown>;

/**
 * Returns the JSON Schema of a Zod schema, without the marks `secret` and `private`, which are for the log. For
 * `input`, fields with a default are optional. Appends the bounds and the default to each description: the code states
 * them once.
 */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const converted = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      if (jsonSchema["secret"] === true) jsonSchema["format"] = "password";
      // these marks tell the log what to hide
      delete jsonSchema["secret"];
      delete jsonSchema["private"];
    },
  }) as JsonSchema;
  delete converted["$schema"];
  describeBounds(converted as Described, io);
  return converted;
}

type Described = {
  description?: string;
  default?: unknown;
  type?: string;
  anyOf?: Described[];
  oneOf?: Described[];
  items?: Described;
  properties?: Record<string, Described>;
  additionalProperties?: boolean | Described;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
};

/** Adds the bounds and the default to the description of every field and item, at any depth. */
function describeBounds(schema: Described, io: "input" | "output"): void {
  const { items, properties = {}, additionalProperties, anyOf = [], oneOf = [] } = schema;
  const values = typeof additionalProperties === "object" ? [additionalProperties] : [];
  const inner = [...Object.values(properties), ...values, ...(items ? [items] : []), ...anyOf, ...oneOf];
  for (const one of inner) describeBounds(one, io);
  if (schema.description === undefined) return;
  const bounded = anyOf.find(({ type }) => type !== "null") ?? schema;
  const fallback = schema.default === undefined ? "" : `Default: ${JSON.stringify(schema.default)}.`;
  schema.description = [schema.description, boundsOf(bounded, io), fallback]
    .filter((part) => part !== "")
    .join(" ");
}

function boundsOf(schema: Described, io: "input" | "output"): string {
  const { minLength, maxLength, minItems, maxItems, maxProperties, minimum, maximum } = schema;
  // in a response, only the maximum length of texts and lists is useful to a client
  const least = (bound: number | undefined) => (io === "input" ? bound : undefined);
  const bounds = [
    range(least(minLength), maxLength, " characters"),
    range(least(minItems), maxItems, " items"),
    range(undefined, maxProperties, " members"),
    range(least(minimum), io === "input" ? maximum : undefined, ""),
  ];
  return bounds.filter((part) => part !== "").join(" ");
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  const to = most === undefined || most >= Number.MAX_SAFE_INTEGER ? undefined : most;
  if (to === undefined) return least === undefined ? "" : `At least ${least}${unit}.`;
  return least === undefined || (least === 0 && unit !== "")
    ? `At most ${to}${unit}.`
    : `${least} to ${to}${unit}.`;
}
