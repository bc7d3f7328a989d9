import type { Window } from "../../domain/windows.ts";
import type { Ask } from "./connection.ts";
import { RedisUnavailable } from "./faults.ts";
import { numbersFor, pushHitArgs, type Taken } from "./replies.ts";
import { hitScript } from "./scripts.ts";

/**
 * The maximum number of hits in one script, enough for the largest batch verification. A script blocks Redis while it
 * runs; a script with this number of hits takes a few tenths of a millisecond.
 */
const maxBatchSize = 128;

type Waiting = {
  windows: readonly Window[];
  keys: readonly string[];
  resolve(taken: Taken): void;
  reject(error: unknown): void;
};

/**
 * Returns a function that sends hits to Redis in batches: one script for all hits of a workspace that arrive in the
 * same turn of the event loop. Redis decides them one after the other, as if each had been sent alone. Batches save
 * time: most of the time of a hit goes into sending a command, and a counter that several hits need is read and
 * written once. A batch has hits of one workspace only, because a script needs all its counters on the same node of a
 * Redis cluster.
 *
 * `keys` are the keys of the windows' counters, in the same order. Errors: those of `ask`.
 */
export function hitBatches(ask: Ask, time: () => string) {
  let batches = new Map<string, Waiting[]>();

  function sendAll(): void {
    const all = batches;
    batches = new Map();
    for (const batch of all.values()) void send(batch);
  }

  async function send(batch: readonly Waiting[]): Promise<void> {
    const args = [time()];
    for (const { windows } of batch) pushHitArgs(args, windows);
    try {
      const keys = batch.flatMap((hit) => hit.keys);
      resolveAll(batch, (await ask(hitScript, keys, args)) as number[]);
    } catch (error) {
      failAll(batch, error);
    }
  }

  function failAll(batch: readonly Waiting[], error: unknown): void {
    const alone = batch.length === 1 || error instanceof RedisUnavailable;
    for (const hit of batch) {
      // One unreadable counter fails the whole batch before anything is counted. So each hit is sent again alone: then
      // only the hits on the unreadable counter fail.
      if (alone) hit.reject(error);
      else void send([hit]);
    }
  }

  function batchFor(workspaceId: string): Waiting[] {
    const open = batches.get(workspaceId);
    if (open !== undefined && open.length < maxBatchSize) return open;
    if (open !== undefined) void send(open);
    else if (batches.size === 0) setImmediate(sendAll);
    const batch: Waiting[] = [];
    batches.set(workspaceId, batch);
    return batch;
  }

  return (windows: readonly Window[], keys: readonly string[]) =>
    new Promise<Taken>((resolve, reject) => {
      batchFor(windows[0]?.workspaceId ?? "").push({ windows, keys, resolve, reject });
    });
}

function resolveAll(batch: readonly Waiting[], numbers: readonly number[]): void {
  let at = 0;
  for (const { windows, keys, resolve } of batch) {
    const end = at + numbersFor(windows.length);
    resolve({ windows, keys, numbers: numbers.slice(at, end) });
    at = end;
  }
}
