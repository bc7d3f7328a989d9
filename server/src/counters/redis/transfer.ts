import { RedisClient } from "bun";
import type { CounterRecord } from "../memory/snapshots.ts";
import { counterOf, redisKeyOf } from "./keys.ts";
import { readScript, type Script, storeScript } from "./scripts.ts";

/** Reads and writes all counters in Redis, for `latchkey copy`. Close it after use. */
export type RedisTransfer = {
  /** Yields all counters that count something, in batches. Hits may change counters between two batches. */
  read(): AsyncGenerator<CounterRecord[]>;
  /** Stores counters. Overwrites counters in Redis that have the same keys. */
  store(records: readonly CounterRecord[]): Promise<void>;
  close(): void;
};

const keysPerBatch = 200;

/** Connects to Redis. Errors: those of the Redis client if Redis cannot be reached. */
export async function openRedisTransfer(url: string): Promise<RedisTransfer> {
  const client = new RedisClient(url, { autoReconnect: false });
  await client.connect();
  const run = (script: Script, keys: readonly string[], args: readonly string[]) =>
    client.send("EVAL", [script.text, `${keys.length}`, ...keys, "", ...args]);

  async function recordsOf(keys: readonly string[]): Promise<CounterRecord[]> {
    const found = keys.flatMap((inRedis) => {
      const counter = counterOf(inRedis);
      return counter === undefined ? [] : [{ ...counter, inRedis }];
    });
    if (found.length === 0) return [];
    const texts = (await run(
      readScript,
      found.map(({ inRedis }) => inRedis),
      found.map(({ durationMs }) => `${durationMs}`),
    )) as string[];
    return found.flatMap(({ key, durationMs }, index) => recordOf(key, durationMs, texts[index] ?? ""));
  }

  return {
    async *read() {
      let cursor = "0";
      do {
        const [next, keys] = (await client.send("SCAN", [
          cursor,
          "MATCH",
          "latchkey:*",
          "COUNT",
          `${keysPerBatch}`,
        ])) as [string, string[]];
        cursor = next;
        yield await recordsOf(keys);
      } while (cursor !== "0");
    },
    async store(records) {
      const known = records.flatMap((record) => {
        const inRedis = redisKeyOf(record.key);
        return inRedis === undefined ? [] : [{ record, inRedis }];
      });
      for (let from = 0; from < known.length; from += keysPerBatch) {
        const batch = known.slice(from, from + keysPerBatch);
        await run(
          storeScript,
          batch.map(({ inRedis }) => inRedis),
          batch.flatMap(({ record }) => argumentsOf(record)),
        );
      }
    },
    close: () => client.close(),
  };
}

function argumentsOf({ durationMs, firstMs, entries }: CounterRecord): string[] {
  return [durationMs, firstMs, entries.length, ...entries.flatMap(({ lastMs, cost }) => [lastMs, cost])].map(
    String,
  );
}

function recordOf(key: string, durationMs: number, text: string): CounterRecord[] {
  if (text === "") return [];
  const [firstMs = 0, ...numbers] = text.split(" ").map(Number);
  const entries: CounterRecord["entries"] = [];
  let limit = 0;
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const [lastMs = 0, cost = 0] = numbers.slice(at, at + 2);
    entries.push({ lastMs, cost });
    // Redis does not store the limit. With the sum of the costs as its limit, the counter looks full, so the memory
    // backend evicts it last.
    limit += cost;
  }
  return [{ key, durationMs, limit, firstMs, entries }];
}
