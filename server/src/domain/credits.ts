/** How often a balance is set back to its amount: every day at 00:00 UTC, or monthly on this day of the month. */
export type Refill = { interval: "daily" } | { interval: "monthly"; day: number };

/**
 * The first refill instant after `afterMs`, in milliseconds since the epoch, always 00:00 UTC. Where a month has
 * not that day, its last day counts; below 1 its first, so that the answer is after `afterMs` whatever is stored.
 */
export function nextRefillAt(refill: Refill, afterMs: number): number {
  const after = new Date(afterMs);
  const year = after.getUTCFullYear();
  const month = after.getUTCMonth();
  if (refill.interval === "daily") return Date.UTC(year, month, after.getUTCDate() + 1);
  const thisMonth = refillInMonth(year, month, refill.day);
  return thisMonth > afterMs ? thisMonth : refillInMonth(year, month + 1, refill.day);
}

function refillInMonth(year: number, month: number, day: number): number {
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.max(1, Math.min(day, lastDay)));
}
