import type { UsageRow } from "../events/usage.ts";

export type Sums = { total: number; credits: number; outcomes: Record<string, number> };

export type Series = { points: (Sums & { time: number })[]; totals: Sums };

/** One point for each period from `startMs` up to `endMs`, those without any event too. */
export function usageSeries(
  rows: readonly UsageRow[],
  startMs: number,
  endMs: number,
  sizeMs: number,
): Series {
  const totals: Sums = { total: 0, credits: 0, outcomes: {} };
  const points = new Map<number, Sums & { time: number }>();
  for (let time = startMs; time < endMs; time += sizeMs) {
    points.set(time, { time, total: 0, credits: 0, outcomes: {} });
  }
  for (const row of rows) {
    for (const sums of [totals, points.get(row.startMs)]) {
      if (sums === undefined) continue;
      sums.total += row.count;
      sums.credits += row.credits;
      sums.outcomes[row.outcome] = (sums.outcomes[row.outcome] ?? 0) + row.count;
    }
  }
  return { points: [...points.values()], totals };
}

/** A line for each point, a column for each outcome that occurs; times in ISO 8601. */
export function seriesAsCsv({ points, totals }: Series): string {
  const outcomes = Object.keys(totals.outcomes).sort();
  const lines = points.map(({ time, total, credits, outcomes: counts }) =>
    [new Date(time).toISOString(), total, credits, ...outcomes.map((name) => counts[name] ?? 0)].join(","),
  );
  return `${[["time", "total", "credits", ...outcomes].join(","), ...lines].join("\n")}\n`;
}
