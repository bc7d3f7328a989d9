import type { Tx } from "../storage/schema.ts";
import { type BatchContext, judgeBatch, type Outcome } from "./judgeBatch.ts";
import type { Entry } from "./parseRecord.ts";
import { writeBatch } from "./writeBatch.ts";

/** A transaction writes no further records after this, which leaves time for its commit: together they take 50 ms at most. */
const mostMs = 30;
/** The time that records which are written together should take. */
const wantedMs = 10;
const fewest = 16;
const most = 512;

/** PostgreSQL has no single writer that others wait for, and each statement takes a round trip. */
const isTimed = ({ engine }: BatchContext) => engine === "sqlite";

/** What was written, and how long it took. `changedIds`: of what caches may contain. */
type Written = { outcomes: Outcome[]; changedIds: Set<string>; heldMs: number };

/** Writes as many of the first records as a transaction has time for, at least some. `monotonicMs` is read between statements. */
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

/** Grows slowly, since the next records may take longer than these. */
function nextSize(size: number, tookMs: number): number {
  const wanted = Math.round((size * wantedMs) / Math.max(tookMs, 1));
  return Math.max(fewest, Math.min(most, 2 * size, wanted));
}
