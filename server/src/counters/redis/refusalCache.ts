import type { Window } from "../../domain/windows.ts";
import type { Hit, WindowState } from "../counters.ts";

/** A remembered refusal by a window whose limit is used up. */
type Known = { limit: number; cost: number; state: WindowState; learnedAtMs: number; untilMs: number };

const mostKnown = 10_000;

/**
 * Remembers refusals, and repeats them without asking Redis, so that a flood of calls on an exhausted limit does not
 * reach Redis.
 *
 * Only refusals by a window whose limit is used up are repeated. Nothing more can be counted in such a window, so the
 * time of its reset stays the same. A refusal is repeated until the first cost stops counting, but for at most
 * duration/60. If another process gives back a cost meanwhile, this process refuses for up to duration/60 too long, as
 * counters may do anyway. Refusals of calls with several windows are not repeated, because the states of the other
 * windows would be missing.
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
     * Remembers a refusal by Redis. `askedAtMs` is when Redis was asked. `changesInMs` is how long after the decision
     * the first cost stops counting.
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
      // no refusal is lost: the next calls ask Redis, which refuses them again
      if (known.size >= mostKnown) known.clear();
      const { limit, cost, durationMs } = window;
      // 1 ms less, because Redis and this process round their clocks to whole milliseconds at different moments
      const untilMs = askedAtMs + Math.min(changesInMs - 1, Math.floor(durationMs / 60));
      known.set(keys[0] ?? "", { limit, cost, state, learnedAtMs: monotonicMs(), untilMs });
    },

    forget,
    clear: () => known.clear(),
  };
}

/**
 * Returns the remembered state with the time that is left at `nowMs` until the reset. If the cost is above the limit,
 * that time stays the whole duration, because the cost can never pass.
 */
function stateAt({ state, learnedAtMs, limit, cost }: Known, nowMs: number): WindowState {
  if (cost > limit) return state;
  return { ...state, resetInMs: Math.max(0, state.resetInMs - (nowMs - learnedAtMs)) };
}
