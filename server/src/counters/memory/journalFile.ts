import { createReadStream } from "node:fs";
import { crc32 } from "node:zlib";
import type { Entry } from "./slidingLog.ts";
import type { CounterRecord } from "./snapshots.ts";

/** A journal has only the counters of windows that are longer than this. */
export const MINUTE_MS = 60_000;

/**
 * The first line of a journal. Each further line has a checksum of eight hexadecimal digits, a space, and the records
 * of some counters as JSON.
 */
export const HEADER = "latchkey counters 1\n";

/** A line of a journal, after its checksum was checked. */
export type Line = { kind: "records"; records: CounterRecord[] } | { kind: "damaged" };

const NEWLINE = 10;
const CHECKSUM_LENGTH = 8;
const MAX_ENTRIES = 62;

export function lineOf(records: readonly CounterRecord[]): string {
  const json = JSON.stringify(
    records.map(({ key, durationMs, limit, firstMs, entries }) => [
      key,
      durationMs,
      limit,
      firstMs,
      ...entries.flatMap(({ lastMs, cost }) => [lastMs, cost]),
    ]),
  );
  return `${checksum(json)} ${json}\n`;
}

/** Reads the lines of a journal. Errors: the error of the file system if the file cannot be read. */
export function readJournal(path: string): AsyncGenerator<Line> {
  return readLines(createReadStream(path, { highWaterMark: 2 ** 20 }));
}

/** Parses the lines after the header. If the first line is not `HEADER`, yields one damaged line and stops. */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let first = true;
  for await (const line of splitLines(chunks)) {
    if (!first) yield parseLine(line);
    else if (`${line.toString()}\n` !== HEADER) return yield { kind: "damaged" };
    first = false;
  }
}

/**
 * Yields the complete lines. The file ends in an incomplete line if the process was killed while it wrote; that line is
 * ignored.
 */
async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield Buffer.concat([...begun, rest.subarray(0, end)]);
      begun = [];
      rest = rest.subarray(end + 1);
    }
    begun.push(rest);
  }
}

function parseLine(line: Buffer): Line {
  const json = line.subarray(CHECKSUM_LENGTH + 1);
  if (line.toString("latin1", 0, CHECKSUM_LENGTH + 1) !== `${checksum(json)} `) return { kind: "damaged" };
  const records: unknown = JSON.parse(json.toString());
  if (!Array.isArray(records)) return { kind: "damaged" };
  const parsed = records.map(parseRecord);
  const whole = parsed.filter((record) => record !== undefined);
  return whole.length === parsed.length ? { kind: "records", records: whole } : { kind: "damaged" };
}

function parseRecord(record: unknown): CounterRecord | undefined {
  if (!Array.isArray(record)) return undefined;
  const [key, ...numbers]: unknown[] = record;
  if (typeof key !== "string" || !numbers.every((number) => typeof number === "number")) return undefined;
  const [durationMs, limit, firstMs, ...times] = numbers;
  if (durationMs === undefined || limit === undefined || firstMs === undefined) return undefined;
  const entries: Entry[] = [];
  for (let i = 0; i + 1 < times.length; i += 2)
    entries.push({ lastMs: times[i] ?? 0, cost: times[i + 1] ?? 0 });
  return entries.length > MAX_ENTRIES ? undefined : { key, durationMs, limit, firstMs, entries };
}

function checksum(json: string | Uint8Array): string {
  return crc32(json).toString(16).padStart(CHECKSUM_LENGTH, "0");
}
