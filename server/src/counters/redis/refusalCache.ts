import type { Window } from "../../domain/windows.ts";
import type { Hit, WindowState } from "../counters.ts";

/** A refusal by a window that has nothing left. */
type Known = { limit: number; cost: number; state: WindowState; learnedAtMs: number; untilMs: number };

const mostKnown = 10_000;

/**
 * Remembers refusals, and repeats them without asking Redis, so that a flood of calls on an
 * exhausted limit does not reach Redis.
 *
 * A refusal is repeated only if the window had nothing left: then no other call can count anything that would change
 * the time of the reset. It is repeated until the first cost stops counting, but at most for duration/60: another
 * call may give back cost, and capacity may come back that late. Only calls with one window are repeated, since the
 * states of other windows are not known.
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
      const nowMs = monotonicMs();
      if (found.untilMs <= nowMs) {
        known.delete(key);
        return undefined;
      }
      return { passed: false, windows: [stateAt(found, nowMs)], receipt: undefined };
    },

    /**
     * Remembers a refusal by Redis. `askedAtMs` is a time before the decision. `changesInMs` is the time from the
     * decision until the first cost stops counting.
     */
    learn(
      { keys, windows }: { keys: readonly string[]; windows: readonly Window[] },
      hit: Hit,
      { askedAtMs, changesInMs }: { askedAtMs: number; changesInMs: number },
    ): void {
      if (hit.passed) forget(keys);
      const [window] = windows;
      const [state] = hit.windows;
      if (hit.passed || windows.length !== 1 || window === undefined || state?.remaining !== 0) return;
      if (known.size >= mostKnown) known.clear(); // each forgotten refusal costs only one more call to Redis
      const { limit, cost, durationMs } = window;
      // two clocks in whole milliseconds may differ by almost one
      const untilMs = askedAtMs + Math.min(changesInMs - 1, Math.floor(durationMs / 60));
      known.set(keys[0] ?? "", { limit, cost, state, learnedAtMs: monotonicMs(), untilMs });
    },

    forget,
    clear: () => known.clear(),
  };
}

/**
 * Returns the state now, with a shorter reset. If the cost is above the limit, the reset
 * stays: such a cost can never pass.
 */
function stateAt({ state, learnedAtMs, limit, cost }: Known, nowMs: number): WindowState {
  if (cost > limit) return state;
  return { ...state, resetInMs: Math.max(0, state.resetInMs - (nowMs - learnedAtMs)) };
}
