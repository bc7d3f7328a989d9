import { expect } from "bun:test";
import type { TestServer } from "../../harness.ts";
import { type Case, fresh, id, make, makeMany } from "./case.ts";

const limit = 10;
const duration = 60_000;

/** Creates a namespace by its first use, and returns its name. */
async function makeNamespace(server: TestServer): Promise<string> {
  const namespace = fresh("email.send");
  await make(server, "ratelimit.limit", { namespace, identifier: "first", limit, duration });
  return namespace;
}

async function makeOverride(server: TestServer, identifier = "user_*") {
  const namespace = await makeNamespace(server);
  const rule = { limit: 2, duration: 1000 };
  const { overrideId } = await make(server, "ratelimit.setOverride", { namespace, identifier, ...rule });
  return { namespace, overrideId, shown: { overrideId, identifier, ...rule } };
}

const madeOnFirstUse = {
  404: "the first use of a namespace creates it",
  410: "a deleted override can be set again",
};

const countingCases: readonly Case[] = [
  {
    operation: "ratelimit.limit",
    succeeds: [
      async (server) => ({
        input: { namespace: fresh("email.send"), identifier: "user_1", limit, duration },
        data: { limit, remaining: 9, reset: server.clock.nowMs + duration, success: true },
      }),
      async (server) => ({
        input: { namespace: await makeNamespace(server), identifier: "user_1", limit, duration, cost: 11 },
        data: { limit, remaining: 10, reset: expect.any(Number), success: false },
      }),
      async (server) => {
        const { namespace, overrideId } = await makeOverride(server);
        return {
          input: { namespace, identifier: "user_1", limit, duration },
          data: { limit: 2, remaining: 1, reset: server.clock.nowMs + 1000, success: true, overrideId },
        };
      },
    ],
    refused: { 400: () => ({ namespace: "email.send", identifier: "user_1", limit, duration: 999 }) },
    neverSent: madeOnFirstUse,
  },
  {
    operation: "ratelimit.multiLimit",
    succeeds: [
      async (server) => {
        const { namespace, overrideId } = await makeOverride(server);
        const asked = [
          { namespace: fresh("email.send"), identifier: "user_1", limit, duration },
          { namespace, identifier: "user_1", limit, duration, cost: 2 },
        ];
        const [first, second] = asked.map(({ namespace, identifier }) => ({
          namespace,
          identifier,
          passed: true,
        }));
        const reset = server.clock.nowMs;
        const shown = [
          { ...first, limit, remaining: 9, reset: reset + duration },
          { ...second, limit: 2, remaining: 0, reset: reset + 1000, overrideId },
        ];
        return { input: asked, data: { passed: true, limits: shown } };
      },
      async (server) => {
        const [room, none] = [await makeNamespace(server), await makeNamespace(server)];
        const asked = { identifier: "user_1", limit, duration };
        const shown = { identifier: "user_1", limit, remaining: 10, reset: expect.any(Number) };
        return {
          input: [
            { namespace: room, ...asked },
            { namespace: none, ...asked, cost: 11 },
          ],
          data: {
            passed: false,
            limits: [
              { namespace: room, ...shown, passed: true },
              { namespace: none, ...shown, passed: false },
            ],
          },
        };
      },
    ],
    refused: { 400: () => [{ namespace: "email.send", identifier: "user_1", limit, duration: 999 }] },
    neverSent: madeOnFirstUse,
  },
];

const overrideCases: readonly Case[] = [
  {
    operation: "ratelimit.setOverride",
    succeeds: [
      async (server) => ({
        input: { namespace: await makeNamespace(server), identifier: "user_1", limit: 0, duration },
        data: { overrideId: id("rlor") },
      }),
      async (server) => {
        const { namespace, overrideId, shown } = await makeOverride(server);
        return { input: { namespace, identifier: shown.identifier, limit, duration }, data: { overrideId } };
      },
    ],
    refused: {
      400: async (server) => ({ namespace: await makeNamespace(server), identifier: "", limit, duration }),
      404: () => ({ namespace: "nowhere", identifier: "user_1", limit, duration }),
    },
  },
  {
    operation: "ratelimit.getOverride",
    succeeds: [
      async (server) => {
        const { namespace, shown } = await makeOverride(server);
        return { input: { namespace, identifier: "user_1" }, data: shown };
      },
    ],
    refused: {
      400: async (server) => ({ namespace: await makeNamespace(server), identifier: "" }),
      404: async (server) => ({ namespace: await makeNamespace(server), identifier: "user_1" }),
    },
  },
  {
    operation: "ratelimit.listOverrides",
    succeeds: [
      async (server) => {
        const { namespace, shown } = await makeOverride(server);
        return { input: { namespace }, data: [shown] };
      },
    ],
    refused: {
      400: async (server) => ({ namespace: await makeNamespace(server), cursor: "not a cursor" }),
      404: () => ({ namespace: "nowhere" }),
    },
    list: {
      rows: 25,
      pages: [10, 7],
      async make(server, count) {
        const namespace = await makeNamespace(server);
        const makeOne = () =>
          make(server, "ratelimit.setOverride", { namespace, identifier: fresh("user"), limit, duration });
        return {
          input: { namespace },
          field: "overrideId",
          values: await makeMany(count, "overrideId", makeOne),
        };
      },
    },
  },
  {
    operation: "ratelimit.deleteOverride",
    succeeds: [
      async (server) => {
        const { namespace, shown } = await makeOverride(server);
        const input = { namespace, identifier: shown.identifier };
        const after = async () =>
          expect((await server.call("ratelimit.getOverride", input)).status).toBe(404);
        return { input, data: {}, after };
      },
    ],
    refused: {
      400: async (server) => ({ namespace: await makeNamespace(server), identifier: "" }),
      404: async (server) => ({ namespace: await makeNamespace(server), identifier: "user_1" }),
    },
  },
];

export const ratelimitCases: readonly Case[] = [...countingCases, ...overrideCases];
