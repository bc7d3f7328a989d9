/**
 * A circuit breaker. It stops calls to a failing server. After a pause, it lets a single call through to find out
 * whether the server works again.
 */
export type Breaker = {
  /** Returns whether the caller may make a call now. If so, it must call `succeeded` or `failed` afterwards. */
  admits(): boolean;
  succeeded(): void;
  failed(): void;
  /** Returns how long calls will be stopped, in milliseconds; 0 while calls are allowed. */
  openForMs(): number;
};

const failuresToOpen = 5;
const shortestPauseMs = 1_000;
const longestPauseMs = 30_000;

/**
 * Creates a breaker. It stops calls for a second after five failures in a row. If the single call after a pause fails,
 * the next pause is twice as long, up to 30 seconds.
 */
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
      if (!isOpen() || nowMs() < openUntilMs) return; // this call began before calls were stopped
      pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, 2 * pauseMs));
      openUntilMs = nowMs() + pauseMs;
    },
    openForMs: () => (isOpen() ? Math.max(0, openUntilMs - nowMs()) : 0),
  };
}
