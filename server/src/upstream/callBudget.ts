/** Bounds calls per second: in all, and for each start of a key. */
export type CallBudget = (start: string) => boolean;

/**
 * Keys that begin with the same characters are rarely many. A bound for each start keeps one known start from taking the
 * calls of all others.
 */
const perStart = 5;

/** Returns whether one more call may be made in this second, and counts it if so. Remembers at most `perSecond` starts. */
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
