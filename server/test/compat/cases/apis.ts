import { expect } from "bun:test";
import { type Case, id, make, makeIdentity, makeKey, makeMany, nowhere } from "./case.ts";

export const apiCases: readonly Case[] = [
  {
    operation: "apis.createApi",
    succeeds: [async () => ({ input: { name: "payments" }, data: { apiId: id("api") } })],
    refused: { 400: () => ({ name: "p" }) },
  },
  {
    operation: "apis.getApi",
    succeeds: [
      async (server) => {
        const { apiId } = await make(server, "apis.createApi", { name: "payments" });
        return { input: { apiId }, data: { id: apiId, name: "payments" } };
      },
    ],
    refused: { 400: () => ({ apiId: "a b" }), 404: () => ({ apiId: nowhere("api") }) },
  },
  {
    operation: "apis.deleteApi",
    succeeds: [
      async (server) => {
        const { apiId, key } = await makeKey(server);
        const after = async () =>
          expect((await make(server, "keys.verifyKey", { key })).code).toBe("NOT_FOUND");
        return { input: { apiId }, data: {}, after };
      },
    ],
    refused: {
      400: () => ({ apiId: "a b" }),
      404: () => ({ apiId: nowhere("api") }),
      412: async (server) => {
        const { apiId } = await make(server, "apis.createApi", { name: "payments" });
        await make(server, "apis.updateApi", { apiId, deleteProtection: true });
        return { apiId };
      },
    },
  },
  {
    operation: "apis.listKeys",
    succeeds: [
      async (server) => {
        const { externalId, whole } = await makeIdentity(server);
        const { apiId, keyId } = await makeKey(server, { externalId });
        await make(server, "keys.createKey", { apiId });
        const shown = {
          keyId,
          start: expect.any(String),
          enabled: true,
          createdAt: server.clock.nowMs,
          identity: whole,
        };
        return { input: { apiId, externalId }, data: [shown] };
      },
      async (server) => {
        const { apiId, keyId, key } = await makeKey(server, { recoverable: true });
        const shown = { keyId, start: expect.any(String), enabled: true, createdAt: server.clock.nowMs };
        return { input: { apiId, decrypt: true }, data: [{ ...shown, plaintext: key }] };
      },
    ],
    refused: {
      400: async (server) => ({ apiId: (await makeKey(server)).apiId, cursor: "not a cursor" }),
      404: () => ({ apiId: nowhere("api") }),
    },
    list: {
      rows: 25,
      pages: [10, 7],
      async make(server, count) {
        const { apiId } = await make(server, "apis.createApi", { name: "payments" });
        const makeOne = () => make(server, "keys.createKey", { apiId });
        return { input: { apiId }, field: "keyId", values: await makeMany(count, "keyId", makeOne) };
      },
    },
  },
];
