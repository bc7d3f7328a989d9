import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { analyticsQuery, analyticsRows } from "../shared/usage.ts";

export const getVerifications = operation({
  name: "analytics.getVerifications",
  summary: "Query verifications by SQL: not offered by this server",
  description: "Always returns the error `analytics_not_configured`. Use `analytics.getUsage` instead.",
  permission: "api.<id>.read_analytics",
  input: z.strictObject({ query: analyticsQuery }),
  output: analyticsRows,
  errors: ["analytics_not_configured"],
  example: { input: { query: "SELECT count(*) FROM key_verifications_v1" } },

  run: async () => {
    throw new Failure("analytics_not_configured");
  },
});
