import { z } from "zod";

export type JsonSchema = Record<string, unknown>;

/** The JSON Schema of a Zod schema as clients may see it. As `input`, fields with a default are optional. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const made = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      if (jsonSchema["secret"] === true) jsonSchema["format"] = "password";
      // marks for the log, not for clients
      delete jsonSchema["secret"];
      delete jsonSchema["private"];
    },
  }) as JsonSchema;
  delete made["$schema"];
  return made;
}
