import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { analyticsQuery, analyticsRows } from "../shared/usage.ts";

export const getRuntimeLogs = operation({
  name: "analytics.getRuntimeLogs",
  summary: "Query runtime logs by SQL: not offered by this server",
  description: "Always returns the error `analytics_not_configured`, because this server hosts no projects.",
  permission: "project.*.read_runtime_logs",
  input: z.strictObject({ query: analyticsQuery }),
  output: analyticsRows,
  errors: ["analytics_not_configured"],
  example: { input: { query: "SELECT count(*) FROM runtime_logs_v1" } },

  run: async () => {
    throw new Failure("analytics_not_configured");
  },
});
