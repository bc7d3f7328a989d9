import { z } from "zod";
import { operation } from "../../operation.ts";

const limit = z.strictObject({
  limit: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .nullable()
    .describe("The most that the workspace may have. null: no limit."),
  current: z.int().min(0).optional().describe("How much of the limit is used. Only in `logdrainsMax`."),
});

export const getLimits = operation({
  name: "workspace.getLimits",
  summary: "Read the limits of the workspace",
  description:
    "The limits that the operator of the server has set. A plan of a hosted Unkey account has more limits.",
  permission: "workspace.*.read_limits",
  input: z.strictObject({}),
  output: z.strictObject({
    apiBillableOperationsCountMaxPerMonth: limit.describe(
      "Verifications and rate limit decisions in a month. Always null: no limit.",
    ),
    apiRequestsCountMaxPerMinute: limit.describe(
      "Requests in a minute, as `WORKSPACE_REQUESTS_PER_MINUTE` sets it. Requests above the limit get 429. null: no limit.",
    ),
    logsRetentionDaysMax: limit.describe(
      "How many days the events of single verifications and decisions are kept, as `USAGE_EVENT_HOURS` sets it, rounded down. null: as long as there is space.",
    ),
    logsAuditRetentionDaysMax: limit.describe(
      "How many days audit events are kept, as `AUDIT_RETENTION_DAYS` sets it. null: forever.",
    ),
    logdrainsMax: limit.describe("Log drains. Always 0: this server has none."),
  }),
  errors: [],
  example: {
    input: {},
    output: {
      apiBillableOperationsCountMaxPerMonth: { limit: null },
      apiRequestsCountMaxPerMinute: { limit: 6_000 },
      logsRetentionDaysMax: { limit: 7 },
      logsAuditRetentionDaysMax: { limit: null },
      logdrainsMax: { limit: 0, current: 0 },
    },
  },

  run(_, { limits }) {
    const { workspaceRequestsPerMinute, usageEventHours, auditRetentionDays } = limits;
    return {
      apiBillableOperationsCountMaxPerMonth: { limit: null },
      apiRequestsCountMaxPerMinute: { limit: workspaceRequestsPerMinute ?? null },
      logsRetentionDaysMax: {
        limit: usageEventHours === undefined ? null : Math.floor(usageEventHours / 24),
      },
      logsAuditRetentionDaysMax: { limit: auditRetentionDays ?? null },
      logdrainsMax: { limit: 0, current: 0 },
    };
  },
});
