import { perServer } from "./perServer.ts";

/**
 * A circuit breaker: it remembers whether a Latchkey server responds, so that guards do not wait for a server that is
 * down.
 */
export type Breaker = {
  /**
   * Whether a guard may send a verification to the server now. While the breaker is open, one verification per second
   * may be sent as a probe.
   */
  admits(): boolean;
  /** Records that the server responded. Returns true if this response ends an outage. */
  succeeded(): boolean;
  /**
   * Records a failure: "overloaded" if the server returned 429, "away" for any other failure. Returns true if this
   * failure begins an outage.
   */
  failed(kind: "away" | "overloaded"): boolean;
};

/** The breaker opens after this many "away" failures in a row. */
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
      // an overloaded server still serves some requests, so a 429 does not open the breaker
      if (kind === "away") failures += 1;
      if (failures === threshold) nextProbeAtMs = nowMs() + probeEveryMs;
      return begun;
    },
  };
}

/** All guards that verify keys at the same server share one breaker. */
export const breakerOf = perServer(() => createBreaker());
