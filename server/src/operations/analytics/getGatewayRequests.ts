import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { analyticsQuery, analyticsRows } from "../shared/usage.ts";

export const getGatewayRequests = operation({
  name: "analytics.getGatewayRequests",
  summary: "Query gateway requests by SQL: not offered by this server",
  description: "Always returns the error `analytics_not_configured`, because this server hosts no projects.",
  permission: "project.*.read_gateway_requests",
  input: z.strictObject({ query: analyticsQuery }),
  output: analyticsRows,
  errors: ["analytics_not_configured"],
  example: { input: { query: "SELECT count(*) FROM gateway_requests_v1" } },

  run: async () => {
    throw new Failure("analytics_not_configured");
  },
});
