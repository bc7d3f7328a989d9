/** When a balance is refilled to its amount: every day at 00:00 UTC, or monthly on this day of the month. */
export type Refill = { interval: "daily" } | { interval: "monthly"; day: number };

/**
 * The first refill instant after `afterMs`, in milliseconds since the epoch, always 00:00 UTC. If a month
 * lacks that day, its last day counts; a day below 1 counts as 1, so that the result is always after `afterMs`.
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

/** A stored balance. `remaining` null is unlimited; `refillDay` null with an amount is daily. */
export type Balance = {
  remaining: number | null;
  refillAmount: number | null;
  refillDay: number | null;
  nextRefillAtMs: number | null;
};

/** The schedule for this day of the month; daily if `day` is null or undefined. */
export function scheduleOf(day: number | null | undefined): Refill {
  return day === null || day === undefined ? { interval: "daily" } : { interval: "monthly", day };
}

/**
 * The balance at `nowMs`. If a refill is due, it sets the balance to its amount: once, even if several periods were
 * missed. The stored time of the next refill may come from a wrong clock. If it is later than the next two refills of
 * the schedule, it is corrected. If it is the second of them, it stays: a clock that was an hour fast may have done the
 * first one already, which must not happen twice.
 */
export function refilled(balance: Balance, nowMs: number): Balance {
  const { nextRefillAtMs, refillAmount, refillDay } = balance;
  if (nextRefillAtMs === null) return balance;
  const schedule = scheduleOf(refillDay);
  const next = nextRefillAt(schedule, nowMs);
  if (nextRefillAtMs > nowMs) {
    const isWrong = nextRefillAtMs > next && nextRefillAtMs > nextRefillAt(schedule, next);
    return isWrong ? { ...balance, nextRefillAtMs: next } : balance;
  }
  return { ...balance, remaining: Math.max(0, refillAmount ?? 0), nextRefillAtMs: next };
}
