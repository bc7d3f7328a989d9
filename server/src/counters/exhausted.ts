import { counterKey, type Hit, type Window, type WindowState } from "./counters.ts";

/** A window that had no room: the same or a larger cost has none either, for a while. */
type Known = { limit: number; cost: number; state: WindowState; untilMs: number };

const mostKnown = 10_000;

/**
 * Refuses by itself what was just refused, so that a flood on an exhausted limit does not reach Redis. Only for as
 * long as capacity may come back late anyway (duration/60), since another process may give some back.
 */
export function knownExhausted(monotonicMs: () => number) {
  const known = new Map<string, Known>();

  function find(window: Window): Known | undefined {
    const key = counterKey(window);
    const found = known.get(key);
    if (found === undefined) return undefined;
    if (found.untilMs <= monotonicMs()) {
      known.delete(key);
      return undefined;
    }
    return found.limit === window.limit && window.cost >= found.cost ? found : undefined;
  }

  function learnOne(window: Window, state: WindowState, redisNowMs: number): void {
    // refused for what else the same call took of it, or for another window: alone it may pass
    if (state.passed || window.cost <= state.remaining) return;
    if (known.size >= mostKnown) known.clear();
    const changesInMs = Math.max(0, state.resetAtMs - redisNowMs);
    const trustedMs = Math.min(changesInMs, Math.floor(window.durationMs / 60));
    const untilMs = monotonicMs() + trustedMs;
    known.set(counterKey(window), { limit: window.limit, cost: window.cost, state, untilMs });
  }

  return {
    /** Only calls of one window: what the others of a joint call would answer is not known here. */
    refuse(windows: readonly Window[]): Hit | undefined {
      const [window, second] = windows;
      if (window === undefined || second !== undefined) return undefined;
      const found = find(window);
      if (found === undefined || found.cost !== window.cost) return undefined;
      return { passed: false, windows: [found.state], receipt: undefined };
    },
    learn(windows: readonly Window[], hit: Hit, redisNowMs: number): void {
      for (const [index, window] of windows.entries()) {
        const state = hit.windows[index];
        if (hit.passed || state === undefined) known.delete(counterKey(window));
        else learnOne(window, state, redisNowMs);
      }
    },
    forget(windows: readonly Window[]): void {
      for (const window of windows) known.delete(counterKey(window));
    },
  };
}
