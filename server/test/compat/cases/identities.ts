import { expect } from "bun:test";
import { type Case, fresh, id, limits, make, makeIdentity, makeMany, meta } from "./case.ts";

export const identityCases: readonly Case[] = [
  {
    operation: "identities.createIdentity",
    succeeds: [
      async () => ({ input: { externalId: fresh("user") }, data: { identityId: id("id") } }),
      async () => ({
        input: { externalId: fresh("user"), meta, ratelimits: limits },
        data: { identityId: id("id") },
      }),
    ],
    refused: {
      400: () => ({ externalId: "no spaces allowed" }),
      409: async (server) => ({ externalId: (await makeIdentity(server)).externalId }),
    },
  },
  {
    operation: "identities.getIdentity",
    succeeds: [
      async (server) => {
        const { externalId, whole } = await makeIdentity(server);
        return { input: { identity: externalId }, data: whole };
      },
      async (server) => {
        const { identityId, whole } = await makeIdentity(server);
        return { input: { identity: identityId }, data: whole };
      },
      async (server) => {
        const externalId = fresh("user");
        const { identityId } = await make(server, "identities.createIdentity", { externalId });
        return {
          input: { identity: externalId },
          data: { id: identityId, externalId, meta: {}, ratelimits: [] },
        };
      },
    ],
    refused: { 400: () => ({ identity: "" }), 404: () => ({ identity: "nobody" }) },
  },
  {
    operation: "identities.listIdentities",
    succeeds: [
      async (server) => {
        const { externalId, whole } = await makeIdentity(server);
        return { input: { limit: 10, search: externalId.toUpperCase() }, data: [whole] };
      },
      async () => ({ input: { search: "nobody at all" }, data: [] }),
    ],
    refused: { 400: () => ({ cursor: "not a cursor" }) },
    list: {
      rows: 250,
      pages: [100, 7],
      async make(server, count) {
        const makeOne = () => make(server, "identities.createIdentity", { externalId: fresh("user") });
        return { input: {}, field: "id", values: await makeMany(count, "identityId", makeOne) };
      },
    },
  },
  {
    operation: "identities.updateIdentity",
    succeeds: [
      async (server) => {
        const { externalId, whole } = await makeIdentity(server);
        const input = { identity: externalId, meta: { plan: "free" } };
        return { input, data: { ...whole, meta: { plan: "free" } } };
      },
      async (server) => {
        const { externalId, whole } = await makeIdentity(server);
        const ratelimits = [{ name: "requests", limit: 1, duration: 1000, autoApply: false }];
        const stored = [{ id: id("rl"), ...ratelimits[0] }];
        return { input: { identity: externalId, ratelimits }, data: { ...whole, ratelimits: stored } };
      },
      async (server) => {
        const { identityId, whole } = await makeIdentity(server);
        return {
          input: { identity: identityId, meta: {}, ratelimits: [] },
          data: { ...whole, meta: {}, ratelimits: [] },
        };
      },
    ],
    refused: {
      400: async (server) => ({
        identity: (await makeIdentity(server)).externalId,
        ratelimits: [{ name: "requests", limit: 0, duration: 1000, autoApply: false }],
      }),
      404: () => ({ identity: "nobody", meta: {} }),
    },
  },
  {
    operation: "identities.deleteIdentity",
    succeeds: [
      async (server) => {
        const { externalId: identity } = await makeIdentity(server);
        const after = async () =>
          expect((await server.call("identities.getIdentity", { identity })).status).toBe(404);
        return { input: { identity }, after };
      },
      // the response also has `warnings`, which the clients do not have in their models
      async (server) => {
        const { externalId: identity } = await makeIdentity(server);
        await server.call("identities.updateIdentity", { identity, credits: { remaining: 5 } });
        const after = async () =>
          expect((await server.call("identities.getIdentity", { identity })).status).toBe(404);
        return { input: { identity }, after };
      },
    ],
    refused: { 400: () => ({ identity: "" }), 404: () => ({ identity: "nobody" }) },
  },
];
