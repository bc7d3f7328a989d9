import { expect } from "bun:test";
import type { TestServer } from "../../harness.ts";
import { type Case, fresh, id, make, makeMany, nowhere } from "./case.ts";

const permissions = ["api.*.read_api", "identity.*.read_identity"];

const makeRootKey = (server: TestServer): Promise<{ keyId: string; key: string }> =>
  make(server, "rootKeys.createKey", { permissions, name: fresh("root") });

const created = { keyId: id("root"), key: expect.stringMatching(/^latchkey_root_/) };

const accepts = async (server: TestServer, rootKey: string) =>
  (await server.call("apis.getApi", { apiId: nowhere("api") }, { rootKey })).status === 404;

export const rootKeyCases: readonly Case[] = [
  {
    operation: "rootKeys.createKey",
    succeeds: [
      async () => ({ input: { permissions }, data: created }),
      async ({ clock }) => ({
        input: { permissions, name: "Deploy", expires: clock.nowMs + 60_000 },
        data: created,
      }),
      async () => ({ input: { permissions: ["*"], expires: null }, data: created }),
    ],
    refused: { 400: () => ({ permissions: ["nonsense"] }) },
  },
  {
    operation: "rootKeys.listKeys",
    succeeds: [],
    refused: { 400: () => ({ cursor: "not a cursor" }) },
    list: {
      rows: 24,
      pages: [10, 7],
      async make(server, count) {
        const { data: first } = (await server.call("rootKeys.listKeys", {})).body;
        const values = await makeMany(count - first.length, "keyId", () => makeRootKey(server));
        const all: string[] = [...first.map(({ keyId }: { keyId: string }) => keyId), ...values];
        return { input: {}, field: "keyId", values: all.sort((a, b) => (a < b ? -1 : 1)) };
      },
    },
  },
  {
    operation: "rootKeys.updateKey",
    succeeds: [
      async (server) => {
        const { keyId, key } = await makeRootKey(server);
        const after = async () => expect(await accepts(server, key)).toBe(false);
        return { input: { keyId, name: null, enabled: false, permissions }, data: {}, after };
      },
    ],
    refused: { 400: () => ({ keyId: "a b" }), 404: () => ({ keyId: nowhere("root"), enabled: true }) },
  },
  {
    operation: "rootKeys.rerollKey",
    succeeds: [
      async (server) => {
        const { keyId, key } = await makeRootKey(server);
        const after = async () => expect(await accepts(server, key)).toBe(false);
        return { input: { keyId, expiration: 0 }, data: created, after };
      },
      async (server) => {
        const { keyId, key } = await makeRootKey(server);
        const after = async () => expect(await accepts(server, key)).toBe(true);
        return { input: { keyId, expiration: null }, data: created, after };
      },
    ],
    refused: {
      400: () => ({ keyId: nowhere("root"), expiration: -1 }),
      404: () => ({ keyId: nowhere("root"), expiration: 0 }),
    },
  },
  {
    operation: "rootKeys.deleteKey",
    succeeds: [
      async (server) => {
        const { keyId, key } = await makeRootKey(server);
        const after = async () => expect(await accepts(server, key)).toBe(false);
        return { input: { keyId }, data: {}, after };
      },
    ],
    refused: { 400: () => ({ keyId: "a b" }), 404: () => ({ keyId: nowhere("root") }) },
  },
];
