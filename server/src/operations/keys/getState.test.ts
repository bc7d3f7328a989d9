import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { type Services, startServices } from "../../../test/services.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const set = engines.flatMap((engine) =>
  ["memory", "Redis"].map((counters) => ({ ...engine, engine, counters })),
);

describe.each(set)("on $name with counters in $counters,", ({ engine, counters }) => {
  let redis: Services | undefined;
  let server: TestServer;
  let space: Workspace;
  let key: { key: string; keyId: string };
  beforeAll(async () => {
    if (counters === "Redis") redis = await startServices("redis");
    const url = redis?.environment["TEST_REDIS_URL"];
    server = await startTest({ engine, ...(url === undefined ? {} : { config: { REDIS_URL: url } }) });
  });
  afterAll(async () => {
    await server.stop();
    await redis?.stop();
  });
  beforeEach(async () => {
    space = await makeWorkspace(server);
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    await space.data("identities.createIdentity", {
      externalId: "user_1",
      ratelimits: [
        { name: "requests", limit: 2, duration: minuteMs, autoApply: true },
        { name: "shared", limit: 10, duration: 2 * minuteMs, autoApply: true },
      ],
    });
    key = await space.data("keys.createKey", {
      apiId,
      externalId: "user_1",
      credits: { remaining: 5, refill: { interval: "daily", amount: 7 } },
      ratelimits: [{ name: "requests", limit: 4, duration: minuteMs, autoApply: false }],
    });
  });

  const requests = { name: "requests", limit: 4, duration: minuteMs, autoApply: false, owner: "key" };
  const shared = { name: "shared", limit: 10, duration: 2 * minuteMs, autoApply: true, owner: "identity" };
  const nearNow = () => ({ from: server.clock.nowMs, to: server.clock.nowMs + 2 * minuteMs });

  test("a key’s state has each limit that applies to it and its credits, and reading it changes nothing", async () => {
    await space.data("keys.verifyKey", { key: key.key, ratelimits: [{ name: "requests", cost: 3 }] });
    const { ratelimits, ...state } = await space.data("keys.getState", { keyId: key.keyId });
    expect(state).toEqual({
      keyId: key.keyId,
      credits: { remaining: 4, refill: { interval: "daily", amount: 7 } },
      nextRefillAt: Math.ceil((server.clock.nowMs + 1) / dayMs) * dayMs,
      quotas: [],
    });
    expect(ratelimits).toMatchObject([
      { ...requests, used: 3, remaining: 1 },
      { ...shared, used: 1, remaining: 9 },
    ]);
    for (const { reset, duration } of ratelimits) {
      if (counters === "memory") expect(reset).toBe(server.clock.nowMs + duration);
      expect(reset).toBeGreaterThan(nearNow().from);
      expect(reset).toBeLessThanOrEqual(nearNow().to);
    }
    const again = await space.data("keys.getState", { keyId: key.keyId });
    expect(again.ratelimits.map(({ used }: { used: number }) => used)).toEqual([3, 1]);
    expect(await space.data("keys.verifyKey", { key: key.key })).toMatchObject({ code: "VALID", credits: 3 });
  });

  test("an identity’s state has every limit of the identity, also one that a key hides", async () => {
    await space.data("keys.verifyKey", { key: key.key, ratelimits: [{ name: "shared", cost: 4 }] });
    const state = await space.data("identities.getState", { identity: "user_1" });
    const { identityId } = state;
    expect([identityId, state.externalId]).toEqual([expect.stringMatching(/^id_/), "user_1"]);
    expect(state.ratelimits).toMatchObject([
      { name: "requests", limit: 2, autoApply: true, owner: "identity", used: 0, remaining: 2 },
      { ...shared, used: 4, remaining: 6 },
    ]);
    expect(await space.data("identities.getState", { identity: identityId })).toMatchObject({
      ratelimits: [{ used: 0 }, { used: 4 }],
    });
  });

  test("what the root key may not read does not exist", async () => {
    const rootKey = await space.keyWith("api.api_other.read_key", "identity.id_other.read_identity");
    const replies = [
      await space.call("keys.getState", { keyId: key.keyId }, { rootKey }),
      await space.call("identities.getState", { identity: "user_1" }, { rootKey }),
    ];
    expectRefusal(replies[0], "key_not_found");
    expectRefusal(replies[1], "identity_not_found");
  });
});
