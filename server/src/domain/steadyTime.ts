/**
 * Records are deleted by age only after the wall clock has run for this long without a jump. So a clock that is wrong
 * for a shorter time deletes nothing.
 */
const provedMs = 3_600_000;
/**
 * If the time between two readings differs by more than this from the monotonic clock, the wall clock has jumped.
 * Ordinary corrections are smaller.
 */
const stepMs = 60_000;

/**
 * The wall clock, for deciding which records are old enough to be deleted: undefined until it has run for an hour
 * without a jump, compared with `monotonicMs`. Call the returned function every few minutes at least.
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
