import { expect } from "bun:test";
import type { TestServer } from "../../harness.ts";
import { type Case, fresh, id, makeIdentity, makeKey, makeRole, type Success } from "./case.ts";

const keyspaceId = id("ks");

export const verificationCases: readonly Case[] = [
  {
    operation: "keys.verifyKey",
    onlyIn: { client: "unkey.py 3.2.2", members: ["keyspaceId"], fields: ["keyspaces"] },
    succeeds: [
      async (server) => {
        const { key, keyId } = await makeKey(server);
        return { input: { key }, data: { valid: true, code: "VALID", keyspaceId, keyId, enabled: true } };
      },
      wholeVerification,
      async () => ({ input: { key: "no_such_key" }, data: { valid: false, code: "NOT_FOUND" } }),
      async (server) => {
        const { key, keyId } = await makeKey(server, { enabled: false });
        return {
          input: { key },
          data: { valid: false, code: "DISABLED", keyspaceId, keyId, enabled: false },
        };
      },
      async (server) => {
        const expires = server.clock.nowMs - 1;
        const { key, keyId } = await makeKey(server, { expires });
        return {
          input: { key },
          data: { valid: false, code: "EXPIRED", keyspaceId, keyId, expires, enabled: true },
        };
      },
      async (server) => {
        const { key, keyId } = await makeKey(server);
        const data = { valid: false, code: "INSUFFICIENT_PERMISSIONS", keyspaceId, keyId, enabled: true };
        return { input: { key, permissions: "documents.read AND (a.b OR c.d)" }, data };
      },
      async (server) => {
        const { key, keyId } = await makeKey(server, { credits: { remaining: 2 } });
        const data = { valid: false, code: "USAGE_EXCEEDED", keyspaceId, keyId, enabled: true, credits: 2 };
        return { input: { key, credits: { cost: 3 } }, data };
      },
      async (server) => {
        const { key, keyId } = await makeKey(server);
        const asked = { name: "inline", limit: 2, duration: 60_000 };
        const state = { remaining: 2, reset: expect.any(Number), exceeded: true, autoApply: false };
        const ratelimits = [{ id: "", ...asked, ...state }];
        const data = { valid: false, code: "RATE_LIMITED", keyspaceId, keyId, enabled: true, ratelimits };
        return { input: { key, ratelimits: [{ ...asked, cost: 3 }] }, data };
      },
      async (server) => {
        const { key } = await makeKey(server);
        return {
          input: { key, keyspaces: ["ks_of_another_api"] },
          data: { valid: false, code: "NOT_FOUND" },
        };
      },
    ],
    refused: {
      400: async (server) => ({ key: (await makeKey(server)).key, permissions: "a.b AND (" }),
      412: async (server) => ({ key: (await makeKey(server)).key, ratelimits: [{ name: "not stored" }] }),
    },
    neverSent: { 404: "an unknown key is the verdict NOT_FOUND, a 200" },
  },
];

async function wholeVerification(server: TestServer): Promise<Success> {
  const { externalId, whole } = await makeIdentity(server);
  const role = await makeRole(server);
  const permission = fresh("billing.read");
  const expires = server.clock.nowMs + 86_400_000;
  const { key, keyId } = await makeKey(server, {
    name: "of the mobile app",
    externalId,
    meta: { device: "phone" },
    roles: [role.name],
    permissions: [permission],
    expires,
    credits: { remaining: 100 },
    ratelimits: [{ name: "own", limit: 10, duration: 60_000, autoApply: false }],
  });
  const state = { id: id("rl"), reset: server.clock.nowMs + 60_000, duration: 60_000, exceeded: false };
  const held = [permission, ...role.permissions.map(({ slug }) => slug)].sort();
  return {
    input: {
      key,
      tags: ["path=/documents"],
      permissions: `${permission} AND ${role.permissions[0]?.slug}`,
      credits: { cost: 3 },
      ratelimits: [{ name: "own", cost: 2 }],
    },
    data: {
      valid: true,
      code: "VALID",
      keyId,
      keyspaceId,
      name: "of the mobile app",
      meta: { device: "phone" },
      expires,
      enabled: true,
      credits: 97,
      permissions: held,
      roles: [role.name],
      identity: whole,
      ratelimits: [
        { ...state, name: "requests", limit: 1000, remaining: 999, autoApply: true },
        { ...state, name: "own", limit: 10, remaining: 8, autoApply: false },
      ],
    },
  };
}
