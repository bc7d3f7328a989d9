import type { Exchanges } from "./exchange.ts";

/** Load balancers notice within this time that readiness fails. */
const leastMs = 5_000;
/** How long a node goes on serving callers who do not leave, for example because it is the only node. */
const mostMs = 8_000;
/** If no call has come for this long, we assume that the regular clients have moved to another node. */
const quietMs = 1_000;
const checkEveryMs = 100;

/**
 * Resolves when callers have had time to move to another node. They learn that this node stops from its readiness
 * check, or from a response that ends its connection. A caller that has seen neither loses a request that it sends just
 * as the server closes its idle connection.
 */
export async function callersLeft(lastCallAtMs: () => number): Promise<void> {
  const startedAtMs = performance.now();
  for (;;) {
    const nowMs = performance.now();
    const isQuiet = nowMs - lastCallAtMs() >= quietMs;
    if (nowMs - startedAtMs >= (isQuiet ? leastMs : mostMs)) return;
    await new Promise((resolve) => setTimeout(resolve, checkEveryMs).unref());
  }
}

/** Remembers when the last call came in, by the monotonic clock. */
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
