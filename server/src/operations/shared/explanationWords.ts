/** A time as text for people: ISO 8601 in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/**
 * A duration as text for people, rounded up, in the largest unit of which it has at least two: `60 s`, `3 min`, `24 h`.
 */
export function durationText(ms: number): string {
  const [unit, size] = units.find(([, size]) => ms >= 2 * size) ?? ["ms", 1];
  return `${Math.ceil(ms / size)} ${unit}`;
}

/** `1 credit`, `2 credits` */
export function creditsText(count: number): string {
  return `${count} ${count === 1 ? "credit" : "credits"}`;
}
