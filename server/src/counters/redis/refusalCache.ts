import type { Window } from "../../domain/windows.ts";
import type { Hit, WindowState } from "../counters.ts";

/** A refusal by a window with nothing left. */
type Known = { limit: number; cost: number; state: WindowState; learnedAtMs: number; untilMs: number };

const mostKnown = 10_000;

/**
 * Repeats a refusal without asking Redis, so that a flood on an exhausted limit does not reach it. Only if nothing at
 * all was left, since then no other call can take anything that moves the reset, and only until the first cost stops
 * counting. At most for duration/60, since another call may give back: capacity is allowed to come back that late.
 *
 * Only for calls with one window: the states of a call's other windows are unknown.
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

    /** `askedAtMs`: a time before Redis decided; `changesInMs`: how long after the decision the first cost stops counting. */
    learn(
      { keys, windows }: { keys: readonly string[]; windows: readonly Window[] },
      hit: Hit,
      { askedAtMs, changesInMs }: { askedAtMs: number; changesInMs: number },
    ): void {
      if (hit.passed) forget(keys);
      const [window] = windows;
      const [state] = hit.windows;
      if (hit.passed || windows.length !== 1 || window === undefined || state?.remaining !== 0) return;
      if (known.size >= mostKnown) known.clear(); // costs no more than a few calls to Redis
      const { limit, cost, durationMs } = window;
      // two clocks in whole milliseconds may differ by almost one
      const untilMs = askedAtMs + Math.min(changesInMs - 1, Math.floor(durationMs / 60));
      known.set(keys[0] ?? "", { limit, cost, state, learnedAtMs: monotonicMs(), untilMs });
    },

    forget,
    clear: () => known.clear(),
  };
}

/** A cost above the limit can never pass: its reset stays a whole duration away. */
function stateAt({ state, learnedAtMs, limit, cost }: Known, nowMs: number): WindowState {
  if (cost > limit) return state;
  return { ...state, resetInMs: Math.max(0, state.resetInMs - (nowMs - learnedAtMs)) };
}
