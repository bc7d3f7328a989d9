import type { Window } from "../../domain/windows.ts";
import type { Hit, WindowState } from "../counters.ts";

/** A remembered refusal by a window whose limit is used up. */
type Known = { limit: number; cost: number; state: WindowState; learnedAtMs: number; untilMs: number };

const mostKnown = 10_000;

/**
 * Remembers refusals, and repeats them without asking Redis, so that a flood of calls on an exhausted limit does not
 * reach Redis.
 *
 * Only the refusal of a window whose limit is used up is repeated: nothing more can be counted there, so the time of
 * the reset stays the same. It is repeated until the first cost stops counting, but for at most duration/60. If another
 * process gives back a cost meanwhile, this process refuses for up to duration/60 too long, as counters may do anyway.
 * Refusals of calls with several windows are not repeated, since the states of the other windows would be missing.
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
      if (known.size >= mostKnown) known.clear(); // no refusal is lost: the next calls ask Redis, which refuses them again
      const { limit, cost, durationMs } = window;
      // 1 ms less, since Redis's clock and this process's clock are rounded to whole milliseconds at different moments
      const untilMs = askedAtMs + Math.min(changesInMs - 1, Math.floor(durationMs / 60));
      known.set(keys[0] ?? "", { limit, cost, state, learnedAtMs: monotonicMs(), untilMs });
    },

    forget,
    clear: () => known.clear(),
  };
}

/**
 * Returns the state at `nowMs`: the remembered one, with the time until the reset shortened. If the cost is above the
 * limit, that time stays the whole duration, since the cost can never pass.
 */
function stateAt({ state, learnedAtMs, limit, cost }: Known, nowMs: number): WindowState {
  if (cost > limit) return state;
  return { ...state, resetInMs: Math.max(0, state.resetInMs - (nowMs - learnedAtMs)) };
}
