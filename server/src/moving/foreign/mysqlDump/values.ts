import { quotedEnd, spaceEnd } from "./scan.ts";

/** A value of a row. A binary value is text if it is valid UTF-8. */
export type DumpValue = string | number | null | Uint8Array;

/** Says why a value cannot be read. The caller adds the line and the table. */
export class ValueError extends Error {}

const openParenthesis = 40;
const quote = 39;
const underscore = 95;

/**
 * Reads the row that begins at `start` into `row`: the values that `isWanted` marks, and null for all other values.
 * Returns the position after the closing parenthesis, or -1 if the text does not contain it. Errors: `ValueError`.
 */
export function rowEnd(text: string, start: number, isWanted: readonly boolean[], row: DumpValue[]): number {
  const open = spaceEnd(text, start);
  if (open >= text.length) return -1;
  if (text.charCodeAt(open) !== openParenthesis)
    throw new ValueError("a row must begin with (: make a new dump with mysqldump");
  return valuesEnd(text, open + 1, isWanted, row);
}

function valuesEnd(text: string, start: number, isWanted: readonly boolean[], row: DumpValue[]): number {
  for (let at = start; ; at += 1) {
    const first = spaceEnd(text, at);
    const end = valueEnd(text, first);
    at = end === -1 ? text.length : spaceEnd(text, end);
    if (at >= text.length) return -1;
    row.push(isWanted[row.length] === true ? parsedValue(text.slice(first, end)) : null);
    if (text[at] === ")") return at + 1;
    if (text[at] !== ",")
      throw new ValueError("a value must be followed by , or ): make a new dump with mysqldump");
  }
}

/**
 * The position after a value: a quoted text, with or without a charset before it, or a word such as a number or NULL.
 */
function valueEnd(text: string, start: number): number {
  let at = start;
  if (text.charCodeAt(at) === underscore) {
    while (at < text.length && text.charCodeAt(at) !== quote && text[at] !== "," && text[at] !== ")") at += 1;
  }
  if (text.charCodeAt(at) === quote) return quotedEnd(text, at);
  while (at < text.length && text[at] !== "," && text[at] !== ")") at += 1;
  return at >= text.length ? -1 : at;
}

function parsedValue(source: string): DumpValue {
  if (source.charCodeAt(0) === quote) return textOf(unescaped(source.slice(1, -1)));
  const word = source.trimEnd();
  if (word === "NULL") return null;
  const number = numberOf(word);
  return number ?? literal(word);
}

function numberOf(word: string): number | string | undefined {
  if (!/^-?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(word)) return undefined;
  const number = Number(word);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? word : number;
}

function literal(word: string): DumpValue {
  const [, hex] = /^(?:0x|[xX](?='))'?([0-9a-fA-F]*)'?$/.exec(word) ?? [];
  if (hex !== undefined) return binary(Buffer.from(hex, "hex"));
  const [, charset, text] = /^_(\w+)\s*'(.*)'$/s.exec(word) ?? [];
  if (charset !== undefined && text !== undefined) {
    const bytes = unescaped(text);
    return charset === "binary" ? binary(Buffer.from(bytes, "latin1")) : textOf(bytes);
  }
  const [, bits] = /^[bB]'([01]+)'$/.exec(word) ?? [];
  if (bits !== undefined) return Number.parseInt(bits, 2);
  if (/^true$/i.test(word)) return 1;
  if (/^false$/i.test(word)) return 0;
  throw new ValueError(
    `${JSON.stringify(word.slice(0, 40))} is not a value that mysqldump writes: make a new dump with mysqldump`,
  );
}

const escapes: Readonly<Record<string, string>> = {
  "0": "\0",
  b: "\b",
  n: "\n",
  r: "\r",
  t: "\t",
  Z: "\u001a",
};

function unescaped(source: string): string {
  if (!source.includes("\\") && !source.includes("'")) return source;
  return source.replace(/\\(.)|''/gs, (_, escaped?: string) =>
    escaped === undefined ? "'" : (escapes[escaped] ?? escaped),
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Errors: `ValueError` if the bytes are not UTF-8. */
function textOf(bytes: string): string {
  if (!/[\x80-\xff]/.test(bytes)) return bytes;
  try {
    return utf8.decode(Buffer.from(bytes, "latin1"));
  } catch {
    throw new ValueError(
      "a text is not UTF-8: make the dump with --default-character-set=utf8mb4, and binary columns with --hex-blob",
    );
  }
}

function binary(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}
