import type { Exchanges } from "./exchange.ts";

/** We wait at least this long, because load balancers need this time to notice that readiness fails. */
const leastMs = 5_000;
/** We wait at most this long for callers who do not leave, for example because there is no other node. */
const mostMs = 8_000;
/** If no call has come for this long, we assume that the regular callers have moved to another node. */
const quietMs = 1_000;
const checkEveryMs = 100;

/**
 * Resolves when callers have had time to move to another node. Callers learn that this node stops from its readiness
 * check, or from a response that ends its connection. A caller that has learned it from neither may lose a request: one
 * that is sent on an idle connection just as the server closes that connection.
 */
export async function waitForCallersToLeave(lastCallAtMs: () => number): Promise<void> {
  const startedAtMs = performance.now();
  for (;;) {
    const nowMs = performance.now();
    const isQuiet = nowMs - lastCallAtMs() >= quietMs;
    if (nowMs - startedAtMs >= (isQuiet ? leastMs : mostMs)) return;
    await new Promise((resolve) => setTimeout(resolve, checkEveryMs).unref());
  }
}

/** Remembers when the last call came in, by the monotonic clock. `noting` wraps `open`, which begins every call. */
export function lastCall(): { noting(open: Exchanges["open"]): Exchanges["open"]; atMs(): number } {
  let atMs = 0;
  return {
    noting: (open) => (request, socket, operation) => {
      const exchange = open(request, socket, operation);
      atMs = exchange.startedAtMs;
      return exchange;
    },
    atMs: () => atMs,
  };
}
