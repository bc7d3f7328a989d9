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

/** A stored balance. `remaining` null is unlimited; `refillDay` null with an amount is daily. */
export type Balance = {
  remaining: number | null;
  refillAmount: number | null;
  refillDay: number | null;
  nextRefillAtMs: number | null;
};

/** `unlimited`: there is no balance to spend from. */
export type Spent = { granted: boolean; remaining: number } | "unlimited";

/** The columns' refill as a schedule; `day` null or undefined is daily. */
export function scheduleOf(day: number | null | undefined): Refill {
  return day === null || day === undefined ? { interval: "daily" } : { interval: "monthly", day };
}

/** The balance at `nowMs`: a refill that is due sets it to its amount, once, however many periods were missed; never below 0. */
export function refilled(balance: Balance, nowMs: number): Balance {
  const { nextRefillAtMs, refillAmount, refillDay } = balance;
  if (nextRefillAtMs === null || nextRefillAtMs > nowMs) return balance;
  const next = nextRefillAt(scheduleOf(refillDay), nowMs);
  return { ...balance, remaining: Math.max(0, refillAmount ?? 0), nextRefillAtMs: next };
}

/** Takes each cost in its turn, only while that much is left; answers the balance after all of them too. */
export function spendFrom(
  balance: Balance,
  spends: readonly { cost: number; nowMs: number }[],
): { after: Balance; spent: Spent[] } {
  let after = balance;
  const spent = spends.map(({ cost, nowMs }): Spent => {
    if (after.remaining === null) return "unlimited";
    after = refilled(after, nowMs);
    const left = after.remaining ?? 0;
    if (left < cost) return { granted: false, remaining: left };
    after = { ...after, remaining: left - cost };
    return { granted: true, remaining: left - cost };
  });
  return { after, spent };
}
