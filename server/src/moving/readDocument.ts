import { nestsTooDeeply } from "../storage/queries/meta.ts";
import { end, type Header, maxLineBytes, recordTypes } from "./format.ts";
import { DocumentError, type Entry, ended, parseHeader, parseRecord } from "./parseRecord.ts";

/** A document whose header was read. `entries` reads the records, and can be iterated only once. */
export type OpenDocument = { header: Header; entries: AsyncGenerator<Entry> };

/**
 * Opens a document and reads its header. At most one line and one chunk are in memory at a time.
 * Errors, also while `entries` is read: `DocumentError` with the line and what to do, and the errors of `chunks`.
 */
export async function readDocument(chunks: AsyncIterable<Uint8Array>): Promise<OpenDocument> {
  const lines = jsonLines(chunks);
  const first = await lines.next();
  if (first.done === true) throw new DocumentError("The document is empty. Export it again.");
  return {
    header: atLine(first.value.line, () => parseHeader(first.value.value)),
    entries: entriesOf(lines),
  };
}

async function* entriesOf(lines: AsyncGenerator<{ line: number; value: unknown }>): AsyncGenerator<Entry> {
  let last = { type: 0, id: "" };
  let records = 0;
  let isComplete = false;
  for await (const { line, value } of lines) {
    if (isComplete) {
      throw new DocumentError(
        `Line ${line} follows the line of the type end, which must be the last. Remove line ${line}.`,
      );
    }
    if ((value as { type?: unknown } | null)?.type === "end") {
      atLine(line, () => checkEnd(value, records));
      isComplete = true;
      continue;
    }
    const parsed = atLine(line, () => parseRecord(value));
    last = atLine(line, () => following(last, parsed));
    records += 1;
    yield { ...parsed, line };
  }
  if (!isComplete) {
    throw new DocumentError(
      "The document is truncated: its last line is not of the type end. Export or copy it again.",
    );
  }
}

function checkEnd(value: unknown, records: number): void {
  const parsed = end.safeParse(value);
  if (!parsed.success || parsed.data.records !== records) {
    throw new DocumentError(
      `the line of the type end must have the number of the records before it, which is ${records}: export or copy the document again`,
    );
  }
}

type Place = { type: number; id: string };

/**
 * Returns the place of a record: its type and id. Errors: `DocumentError` if it does not come after the previous
 * record, by type and then by id; records of usage have no id. Because ids are sorted, a duplicate is found without
 * remembering all ids. Ids are ASCII, so comparing strings compares bytes.
 */
function following(last: Place, { type, fields }: ReturnType<typeof parseRecord>): Place {
  const index = recordTypes.indexOf(type);
  if (index < last.type) {
    throw new DocumentError(
      `a record of the type ${type} follows one of the type ${recordTypes[last.type]}: sort the types in the order of docs/moving/format.md`,
    );
  }
  const id = "id" in fields ? fields.id : "keyId" in fields ? fields.keyId : "";
  if (index > last.type || id === "") return { type: index, id };
  if (id === last.id) throw new DocumentError(`${id} occurs twice: remove one of the two records`);
  if (id < last.id) {
    throw new DocumentError(`${id} follows ${last.id}: sort the records of a type by their ids`);
  }
  return { type: index, id };
}

function atLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DocumentError) throw new DocumentError(`Line ${line}: ${ended(error.message)}`);
    throw error;
  }
}

async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ line: number; value: unknown }> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const lines = byteLines();
  let line = 0;
  function* valuesOf(some: Iterable<Uint8Array>) {
    for (const bytes of some) {
      line += 1;
      const text = atLine(line, () => decodedWith(decoder, bytes));
      if (text.trim() !== "") yield { line, value: atLine(line, () => parsedJson(text)) };
    }
  }
  for await (const chunk of chunks) for (const one of valuesOf(lines.in(chunk))) yield one;
  yield* valuesOf(lines.last());
}

function decodedWith(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new DocumentError("the line is not UTF-8: export or copy the document again");
  }
}

function parsedJson(text: string): unknown {
  if (nestsTooDeeply(text)) throw new DocumentError("the JSON is nested too deeply: correct the line");
  try {
    return JSON.parse(text);
  } catch {
    throw new DocumentError("the line is not JSON: correct it, or export or copy the document again");
  }
}

const lineFeed = 10;

/**
 * Splits chunks into lines. Errors: `DocumentError` if a line is too long. It is thrown before the whole line is read.
 */
function byteLines() {
  let parts: Uint8Array[] = [];
  let length = 0;
  let line = 1;
  return {
    /** The lines that end in this chunk. */
    *in(chunk: Uint8Array): Generator<Uint8Array> {
      let start = 0;
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, start)) {
        const rest = chunk.subarray(start, at);
        refuseLong(line, length + rest.length);
        yield length === 0 ? rest : Buffer.concat([...parts, rest]);
        parts = [];
        length = 0;
        line += 1;
        start = at + 1;
      }
      const rest = chunk.subarray(start);
      if (rest.length === 0) return;
      parts.push(Uint8Array.from(rest)); // a copy, because the source may reuse the chunk's memory
      length += rest.length;
      refuseLong(line, length);
    },
    /** The text after the last line feed. */
    *last(): Generator<Uint8Array> {
      if (length > 0) yield Buffer.concat(parts);
    },
  };
}

function refuseLong(line: number, length: number): void {
  if (length <= maxLineBytes) return;
  throw new DocumentError(
    `Line ${line} is longer than ${maxLineBytes} bytes, the most that a line may have. Correct it, or export the document again.`,
  );
}
