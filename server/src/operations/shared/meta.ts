import { z } from "zod";
import { invalid } from "../../errors/failure.ts";
import type { Limits } from "../../operation.ts";

/** A JSON object with at most 100 members. It stays unchanged, even if it has members such as `__proto__`. */
export const meta = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "must be an object",
  )
  .refine((value) => Object.keys(value).length <= 100, "has more than 100 members")
  .describe(
    'Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise.',
  )
  .meta({ type: "object", additionalProperties: true, maxProperties: 100, private: true });

export const storedMeta = z
  .custom<object>()
  .meta({ type: "object", additionalProperties: true, maxProperties: 100 });

/** If metadata has more bytes of JSON than this, the request's log event has the size. */
const notedMetaBytes = 10_240;

/**
 * The metadata as JSON text for the database.
 * Errors: `invalid_input` above `maxMetaBytes` bytes of UTF-8.
 */
export function metaText(
  value: object,
  limits: Limits,
  note: (fields: Record<string, number>) => void,
  location = "body.meta",
): string {
  const text = JSON.stringify(value);
  const bytes = new TextEncoder().encode(text).byteLength;
  if (bytes > limits.maxMetaBytes) {
    throw invalid(location, `is ${bytes} bytes of JSON`, `keep it within ${limits.maxMetaBytes} bytes`);
  }
  if (bytes > notedMetaBytes) note({ metaBytes: bytes });
  return text;
}
