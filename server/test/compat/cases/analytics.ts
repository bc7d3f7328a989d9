import type { Case } from "./case.ts";

const neverSent = {
  404: "it returns 412 before it reads anything",
  422: "it returns 412 before it reads the query",
  500: "it does nothing that could fail",
  503: "it uses no service that could be unavailable",
};

/**
 * This server does not offer SQL over events. These calls get the error that Unkey documents for a server without it.
 */
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
  {
    operation: "analytics.getGatewayRequests",
    succeeds: [],
    refused: {
      400: () => ({ query: "x".repeat(16_385) }),
      412: () => ({ query: "SELECT count(*) FROM gateway_requests_v1" }),
    },
    neverSent,
  },
  {
    operation: "analytics.getRuntimeLogs",
    succeeds: [],
    refused: {
      400: () => ({ query: "x".repeat(16_385) }),
      412: () => ({ query: "SELECT count(*) FROM runtime_logs_v1" }),
    },
    neverSent,
  },
];
