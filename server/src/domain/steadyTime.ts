/** A wall clock that is wrong for less than this never deletes anything for its age. */
const provedMs = 3_600_000;
/** More than a clock is slewed between two readings; less than what would matter. */
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
