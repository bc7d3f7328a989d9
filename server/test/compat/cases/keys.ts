import { expect } from "bun:test";
import type { TestServer } from "../../harness.ts";
import {
  type Case,
  fresh,
  id,
  limits,
  makeIdentity,
  makeKey,
  makeMigration,
  makeRole,
  makeWholeKey,
  meta,
  nowhere,
  slugsOf,
  storedLimits,
} from "./case.ts";

const shownKey = (server: TestServer, keyId: string) => ({
  keyId,
  start: expect.any(String),
  enabled: true,
  createdAt: server.clock.nowMs,
});

const readingCases: readonly Case[] = [
  {
    operation: "keys.getKey",
    succeeds: [
      async (server) => {
        const { keyId, shown } = await makeWholeKey(server);
        return { input: { keyId }, data: shown };
      },
      async (server) => {
        const { keyId } = await makeKey(server);
        return { input: { keyId }, data: shownKey(server, keyId) };
      },
      async (server) => {
        const { keyId, key } = await makeKey(server, { recoverable: true });
        return { input: { keyId, decrypt: true }, data: { ...shownKey(server, keyId), plaintext: key } };
      },
    ],
    refused: { 400: () => ({ keyId: "a b" }), 404: () => ({ keyId: nowhere("key") }) },
  },
  {
    operation: "keys.whoami",
    succeeds: [
      async (server) => {
        const { key, shown } = await makeWholeKey(server);
        return { input: { key }, data: shown };
      },
    ],
    refused: { 400: () => ({ key: "" }), 404: () => ({ key: "no_such_key" }) },
  },
];

const makingCases: readonly Case[] = [
  {
    operation: "keys.createKey",
    succeeds: [
      async (server) => ({
        input: { apiId: (await makeKey(server)).apiId },
        data: { keyId: id("key"), key: expect.any(String) },
      }),
      async (server) => ({
        input: {
          apiId: (await makeKey(server)).apiId,
          prefix: "prod",
          name: "of the mobile app",
          byteLength: 24,
          externalId: fresh("user"),
          meta,
          roles: [(await makeRole(server)).name],
          permissions: ["documents.read", "documents.write"],
          expires: server.clock.nowMs + 86_400_000,
          credits: { remaining: 100, refill: { interval: "monthly", amount: 100, refillDay: 15 } },
          ratelimits: limits,
          enabled: true,
          recoverable: true,
        },
        data: { keyId: id("key"), key: expect.stringMatching(/^prod_/) },
      }),
      async (server) => ({
        input: { apiId: (await makeKey(server)).apiId, credits: { remaining: null } },
        data: { keyId: id("key"), key: expect.any(String) },
      }),
    ],
    refused: {
      400: async (server) => ({ apiId: (await makeKey(server)).apiId, byteLength: 8 }),
      404: () => ({ apiId: nowhere("api") }),
    },
  },
  {
    operation: "keys.rerollKey",
    succeeds: [
      async (server) => {
        const { keyId } = await makeWholeKey(server);
        return {
          input: { keyId, expiration: 60_000 },
          data: { keyId: id("key"), key: expect.stringMatching(/^prod_/) },
        };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, expiration: -1 }),
      404: () => ({ keyId: nowhere("key"), expiration: 0 }),
      412: async (server) => ({
        keyId: (await makeKey(server, { expires: server.clock.nowMs - 1 })).keyId,
        expiration: 0,
      }),
    },
  },
  {
    operation: "keys.migrateKeys",
    succeeds: [
      async (server) => {
        const { apiId } = await makeKey(server);
        const hash = freshHash();
        const role = await makeRole(server);
        const one = {
          hash,
          name: "from elsewhere",
          externalId: fresh("user"),
          meta,
          roles: [role.name],
          permissions: ["documents.read"],
          expires: server.clock.nowMs + 86_400_000,
          enabled: true,
          credits: { remaining: 100, refill: { interval: "daily", amount: 100 } },
          ratelimits: limits,
        };
        return {
          input: { migrationId: await makeMigration(server), apiId, keys: [one] },
          data: { migrated: [{ hash, keyId: id("key") }], failed: [] },
        };
      },
      async (server) => {
        const { apiId } = await makeKey(server);
        const hash = freshHash();
        return {
          input: { migrationId: await makeMigration(server), apiId, keys: [{ hash }, { hash }] },
          data: { migrated: [{ hash, keyId: id("key") }], failed: [hash] },
        };
      },
    ],
    refused: {
      400: async (server) => ({
        migrationId: await makeMigration(server),
        apiId: (await makeKey(server)).apiId,
        keys: [{ hash: "no hash" }],
      }),
      404: async (server) => ({
        migrationId: nowhere("mig"),
        apiId: (await makeKey(server)).apiId,
        keys: [{ hash: freshHash() }],
      }),
    },
  },
];

function freshHash(): string {
  return new Bun.CryptoHasher("sha256").update(fresh("key")).digest("hex");
}

const changingCases: readonly Case[] = [
  {
    operation: "keys.updateKey",
    succeeds: [
      async (server) => {
        const { keyId } = await makeKey(server);
        const role = await makeRole(server);
        const { externalId, whole } = await makeIdentity(server);
        const permission = fresh("billing.read");
        const changes = {
          name: "another",
          meta,
          expires: server.clock.nowMs + 60_000,
          enabled: false,
          credits: { remaining: 7, refill: { interval: "daily", amount: 7 } },
        };
        return {
          input: {
            keyId,
            ...changes,
            externalId,
            ratelimits: limits,
            roles: [role.name],
            permissions: [permission],
          },
          data: {},
          after: () =>
            shows(server, keyId, {
              ...changes,
              identity: whole,
              ratelimits: storedLimits,
              roles: [role.name],
              permissions: [permission, ...slugsOf(role)].sort(),
            }),
        };
      },
      async (server) => {
        const { keyId } = await makeWholeKey(server);
        const cleared = { name: null, externalId: null, meta: null, expires: null, credits: null };
        return {
          input: { keyId, ...cleared, ratelimits: [], roles: [], permissions: [] },
          data: {},
          after: () => shows(server, keyId, { start: expect.stringMatching(/^prod_/) }),
        };
      },
      async (server) => {
        const { keyId, shown } = await makeWholeKey(server);
        const input = { keyId, credits: { remaining: 5, refill: null } };
        return {
          input,
          data: {},
          after: () => shows(server, keyId, { ...shown, credits: { remaining: 5 } }),
        };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, name: "" }),
      404: () => ({ keyId: nowhere("key"), enabled: false }),
    },
  },
  {
    operation: "keys.deleteKey",
    succeeds: [
      async (server) => {
        const { keyId } = await makeKey(server);
        return { input: { keyId }, data: {}, after: () => isGone(server, keyId) };
      },
      async (server) => {
        const { keyId } = await makeKey(server);
        return { input: { keyId, permanent: true }, data: {}, after: () => isGone(server, keyId) };
      },
    ],
    refused: { 400: () => ({ keyId: "a b" }), 404: () => ({ keyId: nowhere("key") }) },
  },
  {
    operation: "keys.updateCredits",
    succeeds: [
      async (server) => {
        const { keyId } = await makeKey(server);
        return { input: { keyId, operation: "set", value: 10 }, data: { remaining: 10 } };
      },
      async (server) => {
        const refill = { interval: "daily", amount: 5 };
        const { keyId } = await makeKey(server, { credits: { remaining: 1, refill } });
        return { input: { keyId, operation: "increment", value: 2 }, data: { remaining: 3, refill } };
      },
      async (server) => {
        const { keyId } = await makeKey(server, { credits: { remaining: 1 } });
        return { input: { keyId, operation: "decrement", value: 2 }, data: { remaining: 0 } };
      },
      async (server) => {
        const { keyId } = await makeKey(server, { credits: { remaining: 1 } });
        return { input: { keyId, operation: "set", value: null }, data: { remaining: null } };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, operation: "increment", value: 1 }),
      404: () => ({ keyId: nowhere("key"), operation: "set", value: 1 }),
    },
  },
];

/** Expects the key to have these fields and those that every key has, and no others. */
async function shows(server: TestServer, keyId: string, fields: object): Promise<void> {
  const { body } = await server.call("keys.getKey", { keyId });
  expect(body.data).toEqual({
    ...shownKey(server, keyId),
    keyspaceId: id("ks"),
    updatedAt: server.clock.nowMs,
    ...fields,
  });
}

async function isGone(server: TestServer, keyId: string): Promise<void> {
  expect((await server.call("keys.getKey", { keyId })).status).toBe(404);
}

export const keyCases: readonly Case[] = [...makingCases, ...readingCases, ...changingCases];
