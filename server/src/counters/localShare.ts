import type { Hit, Window } from "./counters.ts";
import { memoryCounters } from "./memory.ts";
import { type Admission, unsentAdmissions } from "./unsent.ts";

type Options = {
  monotonicMs(): number;
  /** processes that share the counters, this one among them */
  liveNodes(): number;
  maxLocalBytes: number;
  /** hears how many counters had to go for want of room, and whether they still counted something */
  onEvict?: (count: number, live: boolean) => void;
};

type Receipt = { hit: Hit; atMs: number; taken: readonly [Admission, number][] };

/** An admission takes about three times what a counter does. */
const countersPart = 0.25;

/** One process's share of every limit, for the time in which the counters that all share cannot be asked. */
export function localShare({ monotonicMs, liveNodes, maxLocalBytes, onEvict = () => {} }: Options) {
  const countersBytes = Math.floor(maxLocalBytes * countersPart);
  const counters = memoryCounters({ nowMs: monotonicMs, maxBytes: countersBytes, onEvict });
  const unsent = unsentAdmissions({ monotonicMs, maxBytes: maxLocalBytes - countersBytes, onEvict });

  return {
    /** At once, by this process's share alone. */
    hit(windows: readonly Window[]): Hit {
      const nodes = Math.max(1, liveNodes());
      const hit = counters.hit(
        windows.map((window) => ({ ...window, limit: Math.ceil(window.limit / nodes) })),
      );
      const counted = hit.passed ? windows.filter(({ cost }) => cost > 0) : [];
      const receipt: Receipt = {
        hit,
        atMs: monotonicMs(),
        taken: counted.map((window) => [unsent.add(window), window.cost]),
      };
      return { ...hit, receipt };
    },
    /** Once; the caller sees to that. */
    giveBack(hit: Hit): void {
      const { hit: inner, atMs, taken } = hit.receipt as Receipt;
      counters.giveBack(inner);
      for (const [admission, cost] of taken) unsent.takeBack(admission, cost, atMs);
    },
    /** what was granted here and is not known to be counted where all count */
    unsent,
    close: () => counters.close(),
  };
}
