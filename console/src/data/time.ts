const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

const units: readonly [unit: Intl.RelativeTimeFormatUnit, ms: number][] = [
  ["year", 365 * dayMs],
  ["month", 30 * dayMs],
  ["day", dayMs],
  ["hour", hourMs],
  ["minute", minuteMs],
];

/** Formats a time as `3 minutes ago` or `in 2 days`. */
export function fromNow(atMs: number, nowMs = Date.now()): string {
  const distance = atMs - nowMs;
  const [unit, ms] = units.find(([, length]) => Math.abs(distance) >= length) ?? ["second", secondMs];
  return relative.format(Math.round(distance / ms), unit);
}

export function exactly(atMs: number): string {
  return exact.format(atMs);
}

export function clockTime(atMs: number): string {
  return clock.format(atMs);
}

/** Formats a duration as `1 min` or `30 d`, in the largest unit that gives a whole number. */
export function span(ms: number): string {
  const named: readonly [name: string, ms: number][] = [
    ["d", dayMs],
    ["h", hourMs],
    ["min", minuteMs],
    ["s", secondMs],
  ];
  const [name, length] = named.find(([, one]) => ms >= one && ms % one === 0) ?? ["ms", 1];
  return `${number(ms / length)} ${name}`;
}

const grouped = new Intl.NumberFormat("en");

export function number(value: number): string {
  return grouped.format(value);
}
