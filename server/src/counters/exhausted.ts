import type { Hit, Window, WindowState } from "./counters.ts";

/** A window that had nothing left. */
type Known = { limit: number; cost: number; state: WindowState; untilMs: number };

const mostKnown = 10_000;

/**
 * Refuses by itself what was just refused, so that a flood on an exhausted limit does not reach Redis. Only where
 * nothing at all was left, so nobody can take anything that moves the `reset`, and only until the first cost stops
 * counting. At most for duration/60, since somebody may give back: by so much capacity may always come late.
 *
 * Only calls of one window: what the others of a joint call would answer is not known here.
 */
export function knownExhausted(monotonicMs: () => number) {
  const known = new Map<string, Known>();

  function forget(keys: readonly string[]): void {
    if (known.size > 0) for (const key of keys) known.delete(key);
  }

  return {
    refuse([key = ""]: readonly string[], windows: readonly Window[]): Hit | undefined {
      const [window] = windows;
      if (known.size === 0 || windows.length !== 1 || window === undefined) return undefined;
      const found = known.get(key);
      if (found === undefined || found.limit !== window.limit || found.cost !== window.cost) return undefined;
      if (found.untilMs <= monotonicMs()) {
        known.delete(key);
        return undefined;
      }
      return { passed: false, windows: [found.state], receipt: undefined };
    },

    /** `askedAtMs`: before Redis decided; `changesInMs`: how long after it decided the first cost stops counting. */
    learn(
      { keys, windows }: { keys: readonly string[]; windows: readonly Window[] },
      hit: Hit,
      { askedAtMs, changesInMs }: { askedAtMs: number; changesInMs: number },
    ): void {
      if (hit.passed) forget(keys);
      const [window] = windows;
      const [state] = hit.windows;
      if (hit.passed || windows.length !== 1 || window === undefined || state?.remaining !== 0) return;
      if (known.size >= mostKnown) known.clear(); // costs no more than a few questions
      const { limit, cost, durationMs } = window;
      // two clocks that show whole milliseconds may be almost one apart
      const untilMs = askedAtMs + Math.min(changesInMs - 1, Math.floor(durationMs / 60));
      known.set(keys[0] ?? "", { limit, cost, state, untilMs });
    },

    forget,
    clear: () => known.clear(),
  };
}
