import type { Case } from "./case.ts";

const noCompute = { cpuSeconds: 0, memoryGiBHours: 0, storageGiBHours: 0, egressGiB: 0 };

export const workspaceCases: readonly Case[] = [
  {
    operation: "workspace.getLimits",
    succeeds: [
      async () => ({
        input: {},
        data: {
          apiBillableOperationsCountMaxPerMonth: { limit: null },
          apiRequestsCountMaxPerMinute: { limit: null },
          logsRetentionDaysMax: { limit: null },
          logsAuditRetentionDaysMax: { limit: null },
          logdrainsMax: { limit: 0, current: 0 },
        },
      }),
    ],
    refused: {},
    neverSent: {
      400: "the client has no field that could be wrong",
      500: "it reads nothing that could fail",
    },
  },
  {
    operation: "workspace.getUsage",
    succeeds: [
      async (server) => {
        const now = new Date(server.clock.nowMs);
        const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
        return {
          input: { period: { year: month === 0 ? year - 1 : year, month: month === 0 ? 12 : month } },
          data: {
            period: { start: Date.UTC(year, month - 1), end: Date.UTC(year, month) },
            totals: {
              api: { verifications: 0, ratelimits: 0 },
              compute: noCompute,
              gateway: { activeKeys: 0 },
            },
            breakdowns: { byEnvironment: [], byApp: [] },
          },
        };
      },
    ],
    refused: { 400: () => ({ period: { year: 2026, month: 13 } }) },
    neverSent: { 500: "the suite provokes it with lost tables of records, and usage is stored elsewhere" },
  },
];
