import type { Tx } from "../storage/schema.ts";
import { type BatchContext, judgeBatch, type Outcome } from "./judgeBatch.ts";
import type { Entry } from "./parseRecord.ts";
import { writeBatch } from "./writeBatch.ts";

/**
 * A transaction writes further records only if they will probably be written within this time from its start. With the
 * commit, it should take at most 50 ms.
 */
const mostMs = 30;
/** The number of records that are written at once is adjusted until writing them takes about this long. */
const wantedMs = 10;
const fewest = 16;
const most = 512;

/**
 * Transactions are kept short only on SQLite, which allows only one writer at a time. On PostgreSQL, others can write
 * meanwhile, and large batches save round trips.
 */
const isTimed = ({ engine }: BatchContext) => engine === "sqlite";

/** What was written. `heldMs` says how long it took. `changedIds` must be evicted from the servers' caches. */
type Written = { outcomes: Outcome[]; changedIds: Set<string>; heldMs: number };

/** Returns a function that writes as many of the first entries as a transaction has time for, but at least a few. */
export function timedWriter(monotonicMs: () => number) {
  let size = fewest;

  return async (tx: Tx, context: BatchContext, entries: readonly Entry[]): Promise<Written> => {
    const startMs = monotonicMs();
    const written: Written = { outcomes: [], changedIds: new Set(), heldMs: 0 };
    let longestMs = 0;
    do {
      const { length: done } = written.outcomes;
      const some = entries.slice(done, done + (isTimed(context) ? size : most));
      const judged = await judgeBatch(tx, context, some);
      for (const id of await writeBatch(tx, context, judged)) written.changedIds.add(id);
      written.outcomes.push(...judged.outcomes);
      const tookMs = monotonicMs() - startMs - written.heldMs;
      written.heldMs += tookMs;
      longestMs = Math.max(longestMs, tookMs);
      size = nextSize(some.length, tookMs);
    } while (written.outcomes.length < entries.length && written.heldMs + longestMs <= mostMs);
    return written;
  };
}

/** The number of records to write next. It at most doubles, because the next records may take longer than the last. */
function nextSize(size: number, tookMs: number): number {
  const wanted = Math.round((size * wantedMs) / Math.max(tookMs, 1));
  return Math.max(fewest, Math.min(most, 2 * size, wanted));
}
