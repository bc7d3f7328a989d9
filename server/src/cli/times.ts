const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses a time: `30d` is 30 days from now, `-7d` is 7 days ago; or an ISO time, or Unix time in milliseconds.
 * Returns Unix time in milliseconds, or `undefined` for any other text.
 */
export function parseTime(text: string, nowMs: number): number | undefined {
  const [, sign, count, unit = ""] = /^(-?)(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs + (sign === "-" ? -1 : 1) * Number(count) * (unitMs[unit] ?? 0);
  if (/^\d+$/.test(text)) return Number(text);
  const atMs = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}
