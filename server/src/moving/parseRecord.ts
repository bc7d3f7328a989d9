import type { z } from "zod";
import { closest } from "../domain/closest.ts";
import { flawsOf, sentenceOf, type Wording } from "../flaws.ts";
import {
  type Fields,
  formatVersion,
  type Header,
  header,
  type RecordType,
  recordSchemas,
  recordTypes,
} from "./format.ts";

/**
 * Says why a document, or a line of it, cannot be read, and what to do. `parseRecord` and `parseHeader` omit the line
 * number and the full stop, which their callers add (`ended`).
 */
export class DocumentError extends Error {}

/** Adds the full stop to a message that `parseRecord` or `parseHeader` threw, unless it ends with a question. */
export function ended(message: string): string {
  return message.endsWith("?") ? message : `${message}.`;
}

/** A valid record of one type. */
export type Parsed = { [Type in RecordType]: { type: Type; fields: Fields<Type> } }[RecordType];

/**
 * A valid record with its line in the document. If the source is not a document, `line` is the number of the record.
 */
export type Entry = Parsed & { line: number };

/** Errors: `DocumentError` if the value is not the header of a document that this program can read. */
export function parseHeader(value: unknown): Header {
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format !== "latchkey") {
    throw new DocumentError(
      `the line is not the header of a document, which begins with {"format":"latchkey", …}: give a file that latchkey export has written`,
    );
  }
  if (typeof version === "number" && version > formatVersion) {
    throw new DocumentError(
      `the document has version ${version} of the format, but this program reads only up to version ${formatVersion}: install a newer latchkey`,
    );
  }
  return parse(header, value);
}

/** Errors: `DocumentError` if the value is not a valid record. */
export function parseRecord(value: unknown): Parsed {
  const { type, ...fields } = (value ?? {}) as Record<string, unknown>;
  if (typeof type !== "string" || !Object.hasOwn(recordSchemas, type)) {
    const near = typeof type === "string" ? closest(type, recordTypes) : undefined;
    const hint = near === undefined ? `use one of ${recordTypes.join(", ")}` : `did you mean "${near}"?`;
    throw new DocumentError(`type is not a known type of record: ${hint}`);
  }
  return { type, fields: parse(recordSchemas[type as RecordType], fields) } as Parsed;
}

const wording: Wording = { root: "", verb: "write" };

function parse<T extends z.ZodObject>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const [flaw] = issue === undefined ? [] : flawsOf(issue, { schema, value, wording });
  throw new DocumentError(flaw === undefined ? "the line is not valid" : sentenceOf(flaw));
}
