/** Whole milliseconds, or a whole number with a unit: `ms`, `s`, `m`, `h` or `d`. */
export type Duration = number | `${number}${keyof typeof unitMs}`;
/** Unix time in milliseconds, a `Date`, or an ISO time such as `2026-01-31T23:59:00Z`. */
export type Instant = number | string | Date;

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Accepts whole numbers only, because the API and the command line have times and durations in whole milliseconds, too.
 * Errors: `TypeError` if the value is not a duration, is negative, or has a fraction.
 */
export function millisecondsOf(duration: Duration): number {
  const [, count, unit = "ms"] = /^(\d+)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  const ms =
    typeof duration === "number"
      ? duration
      : Number(count) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN);
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new TypeError(
    `${shown(duration)} is not a duration. Use a whole number of milliseconds, 0 or more, or a whole number with a unit, such as "250ms", "30s", "2m", "12h" or "7d".`,
  );
}

/** Errors: `TypeError` if the value is not a time. */
export function instantOf(instant: Instant): number {
  const ms = new Date(instant).getTime();
  if (!Number.isNaN(ms)) return ms;
  throw new TypeError(
    `${shown(instant)} is not a time. Use Unix milliseconds, a Date, or an ISO time such as "2026-01-31T23:59:00Z".`,
  );
}

/** Texts in quotes, other values without. `JSON.stringify` would show `NaN` and an invalid `Date` as `null`. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
