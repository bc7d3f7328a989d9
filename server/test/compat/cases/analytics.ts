import type { Case } from "./case.ts";

const neverSent = {
  404: "it answers 412 before it looks at anything",
  422: "it answers 412 before it looks at the query",
  500: "it does nothing that could fail",
  503: "it has no service behind it that could be away",
};

/** SQL over events is not offered: both answer the refusal that is documented for a server without it. */
export const analyticsCases: readonly Case[] = [
  {
    operation: "analytics.getVerifications",
    succeeds: [],
    refused: {
      400: () => ({ query: "x".repeat(16_385) }),
      412: () => ({ query: "SELECT count(*) FROM key_verifications_v1" }),
    },
    neverSent,
    generalFor: { "unkey.py 2.6.0": [429] },
  },
  {
    operation: "analytics.getRatelimits",
    succeeds: [],
    refused: {
      400: () => ({ query: "x".repeat(16_385) }),
      412: () => ({ query: "SELECT count(*) FROM ratelimits_v1" }),
    },
    neverSent,
  },
];
