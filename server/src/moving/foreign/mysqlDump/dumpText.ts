import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DocumentError } from "../../parseRecord.ts";

/** A dump that is read piece by piece. It has the text that was read but not yet processed. */
export type DumpText = {
  /** the text that was read; each byte of the file is one character with the byte's value */
  text: string;
  /** the position in `text` where the unprocessed part begins */
  at: number;
  /** how many bytes of the file were processed */
  used(): number;
  /** the line of the file where the unprocessed part begins, counted from 1 */
  line(): number;
  /**
   * Reads more of the file. Then `text` begins with the unprocessed part, and `at` is 0. Returns false if the file has
   * ended.
   */
  more(): Promise<boolean>;
};

const firstRead = 256 * 1024;
const longestPart = 32 * 1024 * 1024;

/**
 * Opens a dump, which may be compressed with gzip.
 * Errors: `DocumentError` if the file is UTF-16 text, is not text, or is a damaged gzip file; or if a statement is too
 * long.
 */
export function dumpText(bytes: AsyncIterable<Uint8Array>): DumpText {
  const chunks = plainChunks(bytes);
  let line = 1;
  let dropped = 0;
  let countedTo = 0;
  let isEnd = false;
  const dump: DumpText = {
    text: "",
    at: 0,
    used: () => dropped + dump.at,
    line() {
      line += linesIn(dump.text, countedTo, dump.at);
      countedTo = dump.at;
      return line;
    },
    async more() {
      dump.line();
      dump.text = dump.text.slice(dump.at);
      dropped += dump.at;
      dump.at = 0;
      countedTo = 0;
      if (dump.text.length > longestPart) {
        throw new DocumentError(
          `Line ${dump.line()}: the statement or row that begins here is longer than 32 MiB, or one of its quotes is not closed. Make a new dump with mysqldump.`,
        );
      }
      if (isEnd) return false;
      // a long row is scanned again from its beginning each time; doubling the text limits how often
      const wanted = Math.max(firstRead, 2 * dump.text.length);
      while (dump.text.length < wanted && !isEnd) {
        const { done, value } = await chunks.next();
        isEnd = done === true;
        dump.text += isEnd ? "\n" : value; // the line end completes a comment on a last line without one
      }
      return true;
    },
  };
  return dump;
}

function linesIn(text: string, start: number, end: number): number {
  let lines = 0;
  for (let at = text.indexOf("\n", start); at !== -1 && at < end; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

async function* plainChunks(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  let isFirst = true;
  for await (const chunk of unzipped(bytes)) {
    const text = Buffer.from(chunk).toString("latin1");
    if (isFirst) refuseOtherFiles(text);
    yield isFirst ? text.replace(/^\xef\xbb\xbf/, "") : text;
    isFirst = false;
  }
  return undefined;
}

function refuseOtherFiles(text: string): void {
  if (/^(\xff\xfe|\xfe\xff)/.test(text)) {
    throw new DocumentError(
      "The dump is UTF-16, as PowerShell writes it. Make the dump with --result-file=<file> instead of >.",
    );
  }
  if (text.slice(0, 1024).includes("\0")) {
    throw new DocumentError(
      "The file is not SQL text. Use the output of mysqldump, unchanged or compressed with gzip.",
    );
  }
}

async function* unzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const whole = (async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip();
  const source = Readable.from(whole, { objectMode: false });
  source.on("error", (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip);
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code?.startsWith("Z_") !== true) throw error;
    throw new DocumentError(`The gzip file is damaged or truncated (${message}). Copy it again.`);
  }
}
