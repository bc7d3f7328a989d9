import type { Window } from "./counters.ts";
import { numbersFor, type Taken, tellHit } from "./redisAnswers.ts";
import type { Ask } from "./redisConnection.ts";
import { RedisUnavailable } from "./redisFaults.ts";
import { hitScript } from "./redisScripts.ts";

/** Redis does nothing else while a script runs: a few tenths of a millisecond for so many hits. */
const mostAtOnce = 64;

type Waiting = {
  windows: readonly Window[];
  keys: readonly string[];
  resolve(taken: Taken): void;
  reject(error: unknown): void;
};

/**
 * Asks Redis about hits. What comes in one turn of the event loop for one workspace goes in one script, each hit after
 * the other as if it had come alone: most of what a hit costs is the command around it, and a counter that many calls
 * share is read and written once. A batch stays within a workspace, as a cluster places its counters together.
 *
 * `keys`: of the windows. Errors: those of `ask`.
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
    for (const { windows } of batch) tellHit(args, windows);
    try {
      const keys = batch.flatMap((hit) => hit.keys);
      answerAll(batch, (await ask(hitScript, keys, args)) as number[]);
    } catch (error) {
      refuseAll(batch, error);
    }
  }

  function refuseAll(batch: readonly Waiting[], error: unknown): void {
    const alone = batch.length === 1 || error instanceof RedisUnavailable;
    for (const hit of batch) {
      // Redis reads every counter before it changes any: the hit whose counter cannot be read fails alone
      if (alone) hit.reject(error);
      else void send([hit]);
    }
  }

  function batchFor(workspaceId: string): Waiting[] {
    const open = batches.get(workspaceId);
    if (open !== undefined && open.length < mostAtOnce) return open;
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

function answerAll(batch: readonly Waiting[], numbers: readonly number[]): void {
  let at = 0;
  for (const { windows, keys, resolve } of batch) {
    const end = at + numbersFor(windows.length);
    resolve({ windows, keys, numbers: numbers.slice(at, end) });
    at = end;
  }
}
