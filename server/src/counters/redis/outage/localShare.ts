import type { Window } from "../../../domain/windows.ts";
import type { Hit, Peeked } from "../../counters.ts";
import { memoryCounters } from "../../memory/memory.ts";
import { type Admission, unsentAdmissions } from "./grants.ts";

type Options = {
  monotonicMs(): number;
  /** processes that share the counters, this one among them */
  liveNodes(): number;
  maxLocalBytes: number;
  /** called with how many counters were evicted to make room, and whether they still counted something */
  onEvict?: (count: number, live: boolean) => void;
};

type Receipt = { hit: Hit; atMs: number; taken: readonly [Admission, number][] };

/** An admission takes about three times what a counter does. */
const countersPart = 0.25;

/** One process's share of every limit, used while Redis cannot be reached. */
export function localShare({ monotonicMs, liveNodes, maxLocalBytes, onEvict = () => {} }: Options) {
  const countersBytes = Math.floor(maxLocalBytes * countersPart);
  const counters = memoryCounters({ nowMs: monotonicMs, maxBytes: countersBytes, onEvict });
  const unsent = unsentAdmissions({ monotonicMs, maxBytes: maxLocalBytes - countersBytes, onEvict });

  function shareOf(windows: readonly Window[]): Window[] {
    const nodes = Math.max(1, liveNodes());
    return windows.map((window) => ({ ...window, limit: Math.ceil(window.limit / nodes) }));
  }

  return {
    /** Decides by this process's share of each limit. */
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
    /** The caller makes sure that it runs once per hit. */
    giveBack(hit: Hit): void {
      const { hit: inner, atMs, taken } = hit.receipt as Receipt;
      counters.giveBack(inner);
      for (const [admission, cost] of taken) unsent.takeBack(admission, cost, atMs);
    },
    /** What `hit` would find, by this process's share of each limit. */
    peek(windows: readonly Window[]): Peeked[] {
      return counters.peek(shareOf(windows));
    },
    /** what this process granted and Redis is not known to have counted */
    unsent,
    close: () => counters.close(),
  };
}
