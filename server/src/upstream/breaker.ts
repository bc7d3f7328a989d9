/** Stops calls to a server that fails, and lets single ones through to see whether it works again. */
export type Breaker = {
  /** Whether a call may be made now. If so, `succeeded` or `failed` must follow. */
  admits(): boolean;
  succeeded(): void;
  failed(): void;
  /** how long no call will be made, in milliseconds; 0 while calls are made */
  openForMs(): number;
};

const failuresToOpen = 5;
const shortestPauseMs = 1_000;
const longestPauseMs = 30_000;

/** Opens after some failures in a row. Each failed attempt after that doubles the pause until the next one. */
export function circuitBreaker(nowMs: () => number): Breaker {
  let failures = 0;
  let pauseMs = 0;
  let openUntilMs = 0;
  let isTrying = false;
  const isOpen = () => failures >= failuresToOpen;
  return {
    admits() {
      if (!isOpen()) return true;
      if (isTrying || nowMs() < openUntilMs) return false;
      isTrying = true;
      return true;
    },
    succeeded() {
      failures = 0;
      pauseMs = 0;
      isTrying = false;
    },
    failed() {
      failures += 1;
      isTrying = false;
      if (!isOpen() || nowMs() < openUntilMs) return; // a call from before it opened
      pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, 2 * pauseMs));
      openUntilMs = nowMs() + pauseMs;
    },
    openForMs: () => (isOpen() ? Math.max(0, openUntilMs - nowMs()) : 0),
  };
}
