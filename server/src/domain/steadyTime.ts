/**
 * Records are deleted by age only after the wall clock has run for this long without a jump. So nothing is deleted
 * while the clock is wrong for a shorter time.
 */
const provedMs = 3_600_000;
/**
 * If the time between two readings differs by more than this from the monotonic clock, the wall clock has jumped.
 * Ordinary corrections are smaller.
 */
const stepMs = 60_000;

/**
 * Returns a function that reads the wall clock, to decide which records are old enough to be deleted. The function
 * returns undefined until the wall clock has run for an hour without a jump, compared with `monotonicMs`. Call the
 * function at least every few minutes.
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
