import { type Counters, counterKey, type Hit, type Window } from "./counters.ts";
import { memoryCounters } from "./memory.ts";

/** What was granted here of one counter. */
export type Admission = {
  /** names this sum, so that it is added once */
  id: string;
  window: Window;
  cost: number;
  /** when the last of it was granted, by the monotonic clock */
  lastMs: number;
};

type Options = {
  monotonicMs(): number;
  liveNodes(): number;
  maxLocalBytes: number;
  newId(): string;
};

/** One process's share of every limit, for the time in which the counters that all share cannot be asked. */
export function localShare({ monotonicMs, liveNodes, maxLocalBytes, newId }: Options) {
  const counters: Counters = memoryCounters({ nowMs: monotonicMs, maxBytes: maxLocalBytes });
  const admissions = new Map<string, Admission>();

  function record(windows: readonly Window[]): void {
    for (const window of windows) {
      if (window.cost === 0) continue;
      const key = counterKey(window);
      const before = admissions.get(key);
      const cost = (before?.cost ?? 0) + window.cost;
      admissions.set(key, { id: before?.id ?? newId(), window, cost, lastMs: monotonicMs() });
    }
  }

  return {
    /** At once, by this process's share alone. */
    hit(windows: readonly Window[]): Hit {
      const nodes = Math.max(1, liveNodes());
      const shares = windows.map((window) => ({ ...window, limit: Math.ceil(window.limit / nodes) }));
      const hit = counters.hit(shares) as Hit;
      if (hit.passed) record(windows);
      return { ...hit, receipt: { hit, windows } };
    },
    giveBack(hit: Hit): void {
      const { hit: inner, windows } = hit.receipt as { hit: Hit; windows: readonly Window[] };
      void counters.giveBack(inner);
      for (const window of windows) {
        const admission = admissions.get(counterKey(window));
        if (admission !== undefined) admission.cost = Math.max(0, admission.cost - window.cost);
      }
    },
    admitted: (): Admission[] => [...admissions.values()],
    forget({ window }: Admission): void {
      admissions.delete(counterKey(window));
    },
    close: () => counters.close(),
  };
}
