import { z } from "zod";
import type { UsageRow } from "../../usage/orders.ts";
import { text } from "./values.ts";

export type { UsageRow };

/** A query in SQL, as in Unkey's API. This server does not run such queries, and refuses an empty query as invalid. */
export const analyticsQuery = text(1, 16_384)
  .refine((query) => query.trim() !== "", {
    error: "is empty",
    params: { fix: "send one SELECT statement" },
  })
  .describe("One SELECT statement. This server does not run it.");

export const analyticsRows = z
  .array(z.record(z.string(), z.unknown().describe("The value of one column.")))
  .describe("The rows of the result. This server returns none.");

export type Sums = { total: number; credits: number; outcomes: Record<string, number> };

export type Series = { points: (Sums & { time: number })[]; totals: Sums };

/** One point for each period from `startMs` up to `endMs`, also for periods without events. */
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
      addOutcome(sums, row);
    }
  }
  return { points: [...points.values()], totals };
}

/** CSV with a line for each point and a column for each outcome that occurs. Times are in ISO 8601. */
export function seriesAsCsv({ points, totals }: Series): string {
  const outcomes = Object.keys(totals.outcomes).sort();
  const lines = points.map(({ time, total, credits, outcomes: counts }) =>
    [new Date(time).toISOString(), total, credits, ...outcomes.map((name) => counts[name] ?? 0)].join(","),
  );
  return `${[["time", "total", "credits", ...outcomes].join(","), ...lines].join("\n")}\n`;
}

export const maxGroups = 1_000;

/** Sums up the rows by name, or by outcome if they have no name. The largest sum is first. */
export function usageGroups(rows: readonly UsageRow[]): (Sums & { name: string })[] {
  const groups = new Map<string, Sums & { name: string }>();
  for (const { name: given, outcome, count, credits } of rows) {
    const name = given ?? outcome;
    const group = groups.get(name) ?? { name, total: 0, credits: 0, outcomes: {} };
    groups.set(name, group);
    group.total += count;
    group.credits += credits;
    addOutcome(group, { outcome, count });
  }
  return [...groups.values()].sort((one, other) => other.total - one.total).slice(0, maxGroups);
}

/** Adds the count of the row to its outcome. Skips the rows of settled holds: they have credits, but count nothing. */
function addOutcome({ outcomes }: Sums, { outcome, count }: Pick<UsageRow, "outcome" | "count">): void {
  if (count > 0) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
}
