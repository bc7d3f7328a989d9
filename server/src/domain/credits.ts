/** When a balance is set to its refill amount: every day at 00:00 UTC, or monthly on this day of the month. */
export type Refill = { interval: "daily" } | { interval: "monthly"; day: number };

/**
 * The time of the first refill after `afterMs`, in Unix milliseconds. It is always 00:00 UTC. If a month lacks the day,
 * its last day counts. A day below 1 counts as 1: otherwise the result could be before `afterMs`.
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

/** A stored balance. If `remaining` is null, it is unlimited. If only `refillDay` is null, the refill is daily. */
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
 * The balance at `nowMs`. If one or more refills are due, the balance is set to the refill amount once. The stored time
 * of the next refill may come from a wrong clock. A time after the next two refills of the schedule is corrected. The
 * time of the second refill stays: the first may have happened while the clock was an hour fast, and must not happen
 * twice.
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
