/**
 * Records are deleted by age only after the wall clock has run for this long without being set, so a clock that is
 * wrong for less time deletes nothing.
 */
const provedMs = 3_600_000;
/**
 * If two readings differ by more than this from the monotonic clock, the wall clock was set. Ordinary corrections
 * between two readings are smaller.
 */
const stepMs = 60_000;

/**
 * The wall clock for deciding what is old enough to be deleted, which cannot be undone: undefined until it has run for
 * an hour without being set. `monotonicMs` tells whether it was. To be called every few minutes at least.
 */
export function steadyTime(nowMs: () => number, monotonicMs: () => number): () => number | undefined {
  let sinceMs = monotonicMs();
  let aheadMs = nowMs() - sinceMs;
  return () => {
    const passedMs = monotonicMs();
    const wallMs = nowMs();
    if (Math.abs(wallMs - passedMs - aheadMs) > stepMs) sinceMs = passedMs;
    aheadMs = wallMs - passedMs;
    return passedMs - sinceMs >= provedMs ? wallMs : undefined;
  };
}
