import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { text } from "../fields.ts";

export const getVerifications = operation({
  name: "analytics.getVerifications",
  summary: "Query verifications by SQL: not offered by this server",
  description:
    "Answers `analytics_not_configured`, as documented for a server without it; use `analytics.getUsage`.",
  permission: "api.<id>.read_analytics",
  input: z.strictObject({ query: text(0, 16_384) }),
  output: z.array(z.record(z.string(), z.unknown())),
  errors: ["analytics_not_configured"],
  example: { input: { query: "SELECT count(*) FROM key_verifications_v1" } },

  run: async () => {
    throw new Failure("analytics_not_configured");
  },
});
