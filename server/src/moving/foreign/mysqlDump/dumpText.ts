import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DocumentError } from "../../parseRecord.ts";

/** The part of a dump that has been read and not used yet. */
export type DumpText = {
  /** one character for each byte, with its value */
  text: string;
  /** where the unused part begins */
  at: number;
  /** how many characters of the file have been used */
  used(): number;
  /** the line of the file where the unused part begins, from 1 */
  line(): number;
  /** Reads on. `text` then begins with the unused part, and `at` is 0. False: the file has ended. */
  more(): Promise<boolean>;
};

const firstRead = 256 * 1024;
const longestPart = 32 * 1024 * 1024;

/**
 * A dump as text, from its bytes, which may be compressed with gzip.
 * Errors: `DocumentError` if the file is not text in a charset that contains ASCII, or is a damaged gzip.
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
          `Line ${dump.line()}: what begins here is longer than 32 MiB, or one of its quotes is not closed. Write the dump again.`,
        );
      }
      if (isEnd) return false;
      const wanted = Math.max(firstRead, 2 * dump.text.length); // so that long rows are not scanned again too often
      while (dump.text.length < wanted && !isEnd) {
        const { done, value } = await chunks.next();
        isEnd = done === true;
        dump.text += isEnd ? "\n" : value; // a last comment without a line end is one too
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
      "The dump is UTF-16, as PowerShell writes it. Write it with --result-file=<file> instead of >.",
    );
  }
  if (text.slice(0, 1024).includes("\0")) {
    throw new DocumentError(
      "The file is not SQL text. Give the output of mysqldump, unchanged or compressed with gzip.",
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
