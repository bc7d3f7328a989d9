import type { Window } from "../../../domain/windows.ts";
import type { Hit, Peeked } from "../../counters.ts";
import { memoryCounters } from "../../memory/memory.ts";
import { type Admission, unsentAdmissions } from "./admissions.ts";

type Options = {
  monotonicMs(): number;
  /** the number of processes that share the counters, including this one */
  liveNodes(): number;
  maxLocalBytes: number;
  /** Called when counters or admissions were evicted to make room: how many, and whether their costs still counted. */
  onEvict?: (count: number, live: boolean) => void;
};

type Receipt = { hit: Hit; atMs: number; taken: readonly [Admission, number][] };

/**
 * The part of `maxLocalBytes` for counters. The rest is for admissions: there is one for each counter, and an admission
 * takes about three times as much memory as a counter.
 */
const countersPart = 0.25;

/**
 * Decides rate limits in this process while Redis cannot be reached. The process grants its share of every limit: the
 * limit divided by the number of processes, rounded up.
 */
export function localShare({ monotonicMs, liveNodes, maxLocalBytes, onEvict = () => {} }: Options) {
  const countersBytes = Math.floor(maxLocalBytes * countersPart);
  const counters = memoryCounters({ nowMs: monotonicMs, maxBytes: countersBytes, onEvict });
  const unsent = unsentAdmissions({ monotonicMs, maxBytes: maxLocalBytes - countersBytes, onEvict });

  function shareOf(windows: readonly Window[]): Window[] {
    const nodes = Math.max(1, liveNodes());
    return windows.map((window) => ({ ...window, limit: Math.ceil(window.limit / nodes) }));
  }

  return {
    /** Decides by this process's share of each limit. Remembers what was granted, to add it to Redis later. */
    hit(windows: readonly Window[]): Hit {
      const hit = counters.hit(shareOf(windows));
      const counted = hit.passed ? windows.filter(({ cost }) => cost > 0) : [];
      const receipt: Receipt = {
        hit,
        atMs: monotonicMs(),
        taken: counted.map((window) => [unsent.add(window), window.cost]),
      };
      return { ...hit, receipt };
    },
    /** Undoes a hit. The caller must not undo a hit twice. */
    giveBack(hit: Hit): void {
      const { hit: inner, atMs, taken } = hit.receipt as Receipt;
      counters.giveBack(inner);
      for (const [admission, cost] of taken) unsent.takeBack(admission, cost, atMs);
    },
    /** Returns what `hit` would find in these windows. */
    peek(windows: readonly Window[]): Peeked[] {
      return counters.peek(shareOf(windows));
    },
    /** the admissions: what this process has granted and still has to add to Redis */
    unsent,
    close: () => counters.close(),
  };
}
