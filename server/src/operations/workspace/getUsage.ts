import { z } from "zod";
import { daysKeptMs } from "../../domain/usage.ts";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { amount, instant } from "../shared/values.ts";

const compute = z.strictObject({
  cpuSeconds: amount.describe("CPU time, in seconds. Always 0."),
  memoryGiBHours: amount.describe("Memory, in GiB-hours. Always 0."),
  storageGiBHours: amount.describe("Disk space, in GiB-hours. Always 0."),
  egressGiB: amount.describe("Traffic to the internet, in GiB. Always 0."),
});

const noRows = z.array(z.record(z.string(), z.unknown().describe("One member of a row."))).max(0);

const noCompute = { cpuSeconds: 0, memoryGiBHours: 0, storageGiBHours: 0, egressGiB: 0 };

export const getUsage = operation({
  name: "workspace.getUsage",
  summary: "Count the verifications and decisions of a month",
  description:
    "Usage as Unkey bills a hosted account for it: verifications that found a valid key, and rate limit decisions that let the call pass. `analytics.getUsage` also counts refusals. This server runs no apps and no gateway, so their usage is 0.",
  permission: "api.*.read_analytics",
  alsoNeeds: ["ratelimit.*.read_analytics"],
  input: z.strictObject({
    period: z
      .strictObject({
        year: z.int().min(2000).max(2099).describe("The year, such as 2026."),
        month: z.int().min(1).max(12).describe("The month, from 1 (January) to 12 (December)."),
      })
      .optional()
      .describe(
        "The calendar month in UTC, which began in the last three years. Default: the current month until now.",
      ),
  }),
  output: z.strictObject({
    period: z
      .strictObject({
        start: instant.describe("The first instant of the month. Unix time in milliseconds."),
        end: instant.describe(
          "The end of the month, exclusive; for the current month, now. Unix time in milliseconds.",
        ),
      })
      .describe("The time that was counted."),
    totals: z
      .strictObject({
        api: z
          .strictObject({
            verifications: amount.describe("Verifications with the code `VALID`."),
            ratelimits: amount.describe("Rate limit decisions that let the call pass."),
          })
          .describe("What the API was used for."),
        compute: compute.describe("What apps used."),
        gateway: z
          .strictObject({ activeKeys: amount.describe("Keys that a gateway verified. Always 0.") })
          .describe("What a gateway was used for."),
      })
      .describe("The sums over the whole workspace."),
    breakdowns: z
      .strictObject({
        byEnvironment: noRows.describe("`compute` by environment. Always empty."),
        byApp: noRows.describe("`gateway` by app. Always empty."),
      })
      .describe("The sums of parts of the workspace."),
  }),
  errors: [],
  example: {
    input: { period: { year: 2026, month: 1 } },
    output: {
      period: { start: 1_767_225_600_000, end: 1_769_904_000_000 },
      totals: {
        api: { verifications: 120_394, ratelimits: 5_021 },
        compute: noCompute,
        gateway: { activeKeys: 0 },
      },
      breakdowns: { byEnvironment: [], byApp: [] },
    },
  },

  async run({ period }, { caller, nowMs, usage }) {
    const { startMs, endMs } = period === undefined ? monthAt(nowMs) : monthOf(period.year, period.month);
    if (startMs > nowMs) throw invalid("body.period", "is in the future", "send a month that has begun");
    if (startMs < nowMs - daysKeptMs) {
      throw invalid(
        "body.period",
        "is longer ago than usage is kept",
        "send a month of the last three years",
      );
    }
    const { workspaceId } = caller;
    const subject = { kind: "workspace", id: workspaceId } as const;
    const days = { workspaceId, subject, period: "day", startMs, tag: undefined, by: undefined } as const;
    const rows = await usage.query({ ...days, endMs: Math.min(endMs, nowMs + 1) });
    const counted = (wanted: string) =>
      rows.reduce((sum, { outcome, count }) => sum + (outcome === wanted ? count : 0), 0);
    return {
      period: { start: startMs, end: Math.min(endMs, nowMs) },
      totals: {
        api: { verifications: counted("VALID"), ratelimits: counted("PASSED") },
        compute: noCompute,
        gateway: { activeKeys: 0 },
      },
      breakdowns: { byEnvironment: [], byApp: [] },
    };
  },
});

type Month = { startMs: number; endMs: number };

/** `month` is 1 to 12. */
function monthOf(year: number, month: number): Month {
  return { startMs: Date.UTC(year, month - 1, 1), endMs: Date.UTC(year, month, 1) };
}

function monthAt(nowMs: number): Month {
  const now = new Date(nowMs);
  return monthOf(now.getUTCFullYear(), now.getUTCMonth() + 1);
}
