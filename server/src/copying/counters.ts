import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { HEADER, lineOf, MINUTE_MS, readJournal } from "../counters/memory/journalFile.ts";
import { memoryCounters } from "../counters/memory/memory.ts";
import type { CounterRecord } from "../counters/memory/snapshots.ts";
import { openRedisTransfer } from "../counters/redis/transfer.ts";
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { CopyError } from "./copyError.ts";

/**
 * Where the rate limit counters for a database are stored: in Redis if `redisUrl` is set, otherwise in the journal
 * beside a SQLite file.
 */
export type CounterPlace = { database: DatabaseAddress; redisUrl: string | undefined };

export type CounterTask = { source: CounterPlace; target: CounterPlace; maxBytes: number; nowMs(): number };

/**
 * Copies the rate limit counters of windows longer than a minute. Replaces counters of the target. Returns a line for
 * the report. Errors: `CopyError`.
 */
export async function copyCounters({ source, target, maxBytes, nowMs }: CounterTask): Promise<string> {
  if (source.redisUrl !== undefined && source.redisUrl === target.redisUrl) {
    return "counters: both databases use the same Redis";
  }
  try {
    const read = readerOf(source, maxBytes, nowMs);
    if (read === undefined)
      return "counters: none, because they are only in the memory of the source's processes";
    const write = await writerOf(target);
    let copied = 0;
    for await (const batch of read) {
      const records = batch.filter(isCopied);
      await write.store(records);
      copied += records.length;
    }
    await write.close();
    return `counters: ${copied} (only of windows longer than a minute)`;
  } catch (error) {
    throw new CopyError(`The counters cannot be copied: ${(error as Error).message}.`, { cause: error });
  }
}

/** Whether a counter is copied: it has hits, and its window is longer than a minute. */
export function isCopied({ durationMs, entries }: CounterRecord): boolean {
  return durationMs > MINUTE_MS && entries.length > 0;
}

type Records = AsyncGenerator<CounterRecord[]>;

/** Reads the counters of a database. Returns undefined if they are only in the memory of server processes. */
export function readerOf(
  { database, redisUrl }: CounterPlace,
  maxBytes: number,
  nowMs: () => number,
): Records | undefined {
  if (redisUrl !== undefined) return readRedis(redisUrl);
  return database.kind === "file" ? readFile(`${database.path}.counters`, maxBytes, nowMs) : undefined;
}

async function* readRedis(url: string): Records {
  const redis = await openRedisTransfer(url);
  try {
    yield* redis.read();
  } finally {
    redis.close();
  }
}

/**
 * Reads the counters in a journal. A counter may be in several lines, and only its last line is valid, so all lines are
 * read before any counter is returned.
 */
async function* readFile(path: string, maxBytes: number, nowMs: () => number): Records {
  if (!existsSync(path)) return;
  const counters = memoryCounters({ nowMs, maxBytes, recordAboveMs: MINUTE_MS });
  for await (const line of readJournal(path)) {
    if (line.kind === "damaged") throw new Error(`${path} is damaged`);
    for (const record of line.records) counters.restore(record);
  }
  yield* counters.all();
}

type Writer = { store(records: readonly CounterRecord[]): Promise<void>; close(): Promise<void> };

async function writerOf({ database, redisUrl }: CounterPlace): Promise<Writer> {
  if (redisUrl !== undefined) {
    const { store, close } = await openRedisTransfer(redisUrl);
    return { store, close: async () => close() };
  }
  if (database.kind !== "file") return { store: async () => undefined, close: async () => undefined };
  const file = await open(`${database.path}.counters`, "w", 0o600);
  await file.write(HEADER);
  return {
    store: async (records) => void (records.length > 0 && (await file.write(lineOf(records)))),
    async close() {
      await file.sync();
      await file.close();
    },
  };
}
