import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { analyticsQuery, analyticsRows } from "../shared/usage.ts";

export const getRatelimits = operation({
  name: "analytics.getRatelimits",
  summary: "Query rate limit decisions by SQL: not offered by this server",
  description: "Always returns the error `analytics_not_configured`. Use `analytics.getUsage` instead.",
  permission: "ratelimit.<id>.read_analytics",
  input: z.strictObject({ query: analyticsQuery }),
  output: analyticsRows,
  errors: ["analytics_not_configured"],
  example: { input: { query: "SELECT count(*) FROM ratelimits_v1" } },

  run: async () => {
    throw new Failure("analytics_not_configured");
  },
});
