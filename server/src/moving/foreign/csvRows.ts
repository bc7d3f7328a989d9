import { DocumentError } from "../parseRecord.ts";

/** `line` is the number of the row's first line, counted from 1. */
type Row = { line: number; cells: string[] };

const longestRow = 1024 * 1024;

/**
 * Splits a CSV file (RFC 4180) into rows. A quoted value may contain commas, line ends, and quotes that are doubled.
 * Errors: `DocumentError` if a row is longer than 1 MiB, a quote is not closed, or the file is not UTF-8.
 */
export async function* csvRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let line = 1;
  for await (const chunk of chunks) {
    text += decode(() => decoder.decode(chunk, { stream: true }));
    let end = rowEnd(text);
    let start = 0;
    while (end !== -1) {
      const row = text.slice(start, end);
      yield { line, cells: cellsOf(row) };
      line += row.split("\n").length;
      start = end + 1;
      end = rowEnd(text, start);
    }
    text = text.slice(start);
    if (text.length > longestRow) {
      throw new DocumentError(
        `Line ${line}: the row that begins here is longer than 1 MiB, or one of its quotes is not closed. Correct the file.`,
      );
    }
  }
  text += decode(() => decoder.decode());
  if (text === "") return;
  if (!isBalanced(text)) {
    throw new DocumentError(
      `Line ${line}: a quote in the row that begins here is not closed. Correct the file.`,
    );
  }
  yield { line, cells: cellsOf(text) };
}

function decode(work: () => string): string {
  try {
    return work();
  } catch {
    throw new DocumentError("The file is not UTF-8. Convert it to UTF-8.");
  }
}

/** The position of the line feed that ends the row at `start`; -1 if the text does not contain the end of the row. */
function rowEnd(text: string, start = 0): number {
  let isQuoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === "\n" && !isQuoted) return at;
  }
  return -1;
}

/** Whether every quote of the row is closed. */
function isBalanced(row: string): boolean {
  return row.split('"').length % 2 === 1;
}

/** The values of a whole row. */
function cellsOf(row: string): string[] {
  const text = row.endsWith("\r") ? row.slice(0, -1) : row;
  const cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"' && isQuoted && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) {
      cells.push(cell);
      cell = "";
    } else cell += character;
  }
  return [...cells, cell];
}
