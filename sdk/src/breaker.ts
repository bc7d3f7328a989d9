import { perServer } from "./perServer.ts";

/** Remembers whether a server responds, so that guards need not wait for one that does not. */
export type Breaker = {
  /** Whether a verification may be sent now. While the breaker is open, one a second may. */
  admits(): boolean;
  /** Records that the server responded. Returns whether this ends an outage. */
  succeeded(): boolean;
  /** Records a failure. Returns whether this begins an outage. */
  failed(kind: "away" | "overloaded"): boolean;
};

/** The breaker opens after this many failures in a row. */
const threshold = 5;
const probeEveryMs = 1000;

export function createBreaker(nowMs: () => number = () => performance.now()): Breaker {
  let isDown = false;
  let failures = 0;
  let nextProbeAtMs = 0;
  return {
    admits() {
      if (failures < threshold) return true;
      if (nowMs() < nextProbeAtMs) return false;
      nextProbeAtMs = nowMs() + probeEveryMs;
      return true;
    },
    succeeded() {
      const ended = isDown;
      isDown = false;
      failures = 0;
      return ended;
    },
    failed(kind) {
      const begun = !isDown;
      isDown = true;
      // an overloaded server serves some requests, so the others keep asking it
      if (kind === "away") failures += 1;
      if (failures === threshold) nextProbeAtMs = nowMs() + probeEveryMs;
      return begun;
    },
  };
}

/** All guards of one server share a breaker. */
export const breakerOf = perServer(() => createBreaker());
