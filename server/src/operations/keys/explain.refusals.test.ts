import { describe, expect, test } from "bun:test";
import { directCall } from "../../../test/directCall.ts";
import { checkOf, explaining, failedOf } from "../../../test/explaining.ts";
import { engines } from "../../../test/harness.ts";
import { type Call, run } from "../../run.ts";
import { setWorkspaceEnabled } from "../../storage/queries/workspaces.ts";
import { explain } from "./explain.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

describe.each(engines)("on $name,", (engine) => {
  const { server, space, apiId, createKey, explained } = explaining(engine);
  const iso = (ms: number) => new Date(ms).toISOString();

  describe("each refusal is explained:", () => {
    test("DISABLED, with the call that enables it", async () => {
      const { key } = await createKey({ enabled: false });
      const response = await explained({ key });
      expect(response.verdict).toEqual({ valid: false, code: "DISABLED" });
      expect(failedOf(response)).toEqual([
        {
          check: "enabled",
          passed: false,
          why: "The key is disabled.",
          fix: "Enable it: keys.updateKey with `enabled: true`.",
        },
      ]);
      expect(response.passesAt).toBeUndefined();
    });

    test("EXPIRED, with the time", async () => {
      const expires = server.clock.nowMs + minuteMs;
      const { key } = await createKey({ expires });
      expect(checkOf(await explained({ key }), "expiry").why).toBe(`The key expires at ${iso(expires)}.`);
      server.clock.advance(2 * minuteMs);
      const response = await explained({ key });
      expect(response.verdict).toEqual({ valid: false, code: "EXPIRED" });
      expect(failedOf(response)).toEqual([
        {
          check: "expiry",
          passed: false,
          expires,
          why: `The key expired at ${iso(expires)}, 60 s before this verification.`,
          fix: "Set a later `expires` with keys.updateKey, or create another key.",
        },
      ]);
    });

    test("FORBIDDEN of a disabled workspace, with the command that enables it", async () => {
      const { key } = await createKey();
      await server.services.engine.transaction((tx) => setWorkspaceEnabled(tx, space.id, false));
      const call: Call = { ...directCall(space.id, { key }), admitEntries: (_, work) => work() };
      const { data } = await run(server.services, explain, call);
      expect(data).toMatchObject({ verdict: { valid: false, code: "FORBIDDEN" } });
      expect(failedOf(data)).toEqual([
        {
          check: "workspace",
          passed: false,
          why: "The workspace is disabled.",
          fix: `Ask whoever runs this server to enable it: latchkey workspace enable ${space.id}`,
        },
      ]);
    });

    test("FORBIDDEN of an address that a list does not have, with the list that refused it", async () => {
      const { key, keyId } = await createKey({ ipAllowList: ["2001:db8::/32", "192.0.2.7"] });
      await space.data("apis.updateApi", { apiId: apiId(), ipAllowList: ["192.0.2.0/24"] });
      const response = await explained({ key, ip: "::ffff:192.0.2.8" });
      expect(response.verdict).toEqual({ valid: false, code: "FORBIDDEN" });
      expect(response.checks.slice(4, 6)).toEqual([
        {
          check: "ipAllowList",
          owner: "api",
          passed: true,
          ip: "192.0.2.8",
          ipAllowList: ["192.0.2.0/24"],
          why: "The IP allow-list of the api has 192.0.2.8.",
        },
        {
          check: "ipAllowList",
          owner: "key",
          passed: false,
          ip: "192.0.2.8",
          ipAllowList: ["2001:db8::/32", "192.0.2.7"],
          why: "The IP allow-list of the key does not have 192.0.2.8.",
          fix: "Add 192.0.2.8 to the list with keys.updateKey, or use the key from an address in it.",
        },
      ]);
      expect(failedOf(await explained({ keyId }))).toMatchObject([
        {
          owner: "api",
          why: "The api has an IP allow-list, and the verification does not say from which address the key came.",
          fix: "Send the address as `ip`, or remove the list with apis.updateApi.",
        },
        { owner: "key" },
      ]);
    });

    test("INSUFFICIENT_PERMISSIONS, with every part of the query, how each permission is held, and what to add", async () => {
      await space.data("permissions.createRole", { name: "editor", permissions: ["docs.*"] });
      const { key } = await createKey({ roles: ["editor"], permissions: ["docs.read", "unrelated"] });
      const query = "docs.read AND (admin OR billing.read AND billing.write) AND other";
      const response = await explained({ key, permissions: query });
      expect(response.verdict).toEqual({ valid: false, code: "INSUFFICIENT_PERMISSIONS" });
      expect(failedOf(response)).toEqual([
        {
          check: "permissions",
          passed: false,
          query,
          missing: ["admin", "billing.read", "billing.write", "other"],
          granted: [
            { slug: "docs.read", via: "direct" },
            { slug: "docs.*", via: "role:editor" },
          ],
          parts: [
            { depth: 0, kind: "all", passed: false },
            { depth: 1, kind: "permission", permission: "docs.read", passed: true },
            { depth: 1, kind: "any", passed: false },
            { depth: 2, kind: "permission", permission: "admin", passed: false },
            { depth: 2, kind: "all", passed: false },
            { depth: 3, kind: "permission", permission: "billing.read", passed: false },
            { depth: 3, kind: "permission", permission: "billing.write", passed: false },
            { depth: 1, kind: "permission", permission: "other", passed: false },
          ],
          why: "The key lacks (admin or (billing.read and billing.write)) and other.",
          fix: "Give it (admin or (billing.read and billing.write)) and other, directly or through a role.",
        },
      ]);
      const enough = await explained({ key, permissions: "docs.read AND (docs.write OR admin)" });
      expect(checkOf(enough, "permissions")).toMatchObject({
        passed: true,
        missing: [],
        why: "The key satisfies docs.read AND (docs.write OR admin).",
      });
    });

    test("RATE_LIMITED, with each limit, its owner, what it hides, and when the cost passes", async () => {
      const limit = { limit: 10, duration: minuteMs, autoApply: true };
      await space.data("identities.createIdentity", {
        externalId: "user_1",
        ratelimits: [
          { ...limit, name: "requests", limit: 2 },
          { ...limit, name: "shared" },
        ],
      });
      const { key } = await createKey({ externalId: "user_1", ratelimits: [{ ...limit, name: "requests" }] });
      await space.data("keys.verifyKey", { key, ratelimits: [{ name: "requests", cost: 8 }] });
      const countedAt = server.clock.nowMs;
      server.clock.advance(19_000);
      const inline = { name: "inline", limit: 5, duration: 10_000, cost: 6 };
      const response = await explained({ key, ratelimits: [{ name: "requests", cost: 3 }] });
      expect(response.verdict).toEqual({ valid: false, code: "RATE_LIMITED" });
      expect(response.passesAt).toBe(countedAt + minuteMs);
      expect(failedOf(response)).toEqual([
        {
          check: "ratelimit",
          id: expect.stringMatching(/^rl_/),
          name: "requests",
          owner: "key",
          hides: "identity",
          passed: false,
          limit: 10,
          duration: minuteMs,
          cost: 3,
          used: 8,
          passesAt: countedAt + minuteMs,
          why: "8 of 10 used in 60 s: there is no room for a cost of 3. The key's own limit hides the identity's.",
          fix: "Wait 41 s, raise the limit, or lower the cost.",
        },
      ]);
      const limits = (await explained({ key, ratelimits: [inline] })).checks.slice(-4, -1);
      expect(limits).toEqual([
        expect.objectContaining({ name: "requests", owner: "key", passed: true, used: 8 }),
        expect.objectContaining({ name: "shared", owner: "identity", passed: true, used: 1 }),
        {
          check: "ratelimit",
          name: "inline",
          owner: "request",
          passed: false,
          limit: 5,
          duration: 10_000,
          cost: 6,
          used: 0,
          why: "A cost of 6 is above the limit of 5.",
          fix: "Raise the limit, or lower the cost.",
        },
      ]);
      expect((await explained({ key, ratelimits: [inline] })).passesAt).toBeUndefined();
    });

    test("USAGE_EXCEEDED, with what is left, and when a refill that suffices comes", async () => {
      const { key } = await createKey({
        credits: { remaining: 1, refill: { interval: "daily", amount: 5 } },
      });
      const nextMs = Math.ceil((server.clock.nowMs + 1) / dayMs) * dayMs;
      const response = await explained({ key, credits: { cost: 3 } });
      expect(response.verdict).toEqual({ valid: false, code: "USAGE_EXCEEDED" });
      expect(response.passesAt).toBe(nextMs);
      expect(failedOf(response)).toEqual([
        {
          check: "credits",
          passed: false,
          owner: "key",
          remaining: 1,
          cost: 3,
          passesAt: nextMs,
          why: "The verification costs 3 credits, and 1 is left.",
          fix: `Wait for the refill at ${iso(nextMs)}, add credits with keys.updateCredits, or lower the cost.`,
        },
      ]);
      const never = await explained({ key, credits: { cost: 6 } });
      expect(failedOf(never)[0]).toMatchObject({
        why: "The verification costs 6 credits, and 1 is left.",
        fix: "Add credits with keys.updateCredits, or lower the cost.",
      });
      expect(never.passesAt).toBeUndefined();
    });
  });
});
