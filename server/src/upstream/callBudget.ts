/**
 * Limits the calls to the upstream per second, in total and for all keys with the same start (their first characters).
 * Returns whether one more call is allowed. If so, counts the call.
 */
export type CallBudget = (start: string) => boolean;

/**
 * The calls per second for each start. Because of this limit, a caller that sends invented keys with a known start
 * cannot use up the calls for all other keys.
 */
const perStart = 5;

/** Creates a budget of `perSecond` calls in total. It remembers at most `perSecond` starts. */
export function callBudget(perSecond: number, nowMs: () => number): CallBudget {
  let second = 0;
  let total = 0;
  const byStart = new Map<string, number>();
  return (start) => {
    const current = Math.floor(nowMs() / 1000);
    if (current !== second) {
      second = current;
      total = 0;
      byStart.clear();
    }
    const ofStart = byStart.get(start) ?? 0;
    if (total >= perSecond || ofStart >= perStart) return false;
    total += 1;
    byStart.set(start, ofStart + 1);
    return true;
  };
}
