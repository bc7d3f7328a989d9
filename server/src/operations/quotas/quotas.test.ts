import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const dayMs = 86_400_000;
const january = Date.parse("2026-01-15T12:00:00Z");
const monthly = (name: string, limit: number, more = {}) => ({
  name,
  limit,
  period: "month",
  autoApply: true,
  ...more,
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    server.clock.nowMs = Math.max(server.clock.nowMs, january);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const identityWith = (more: object) =>
    space.data("identities.createIdentity", { externalId: "user", ...more });
  const keyOf = async (more: object = {}) =>
    (await space.data("keys.createKey", { apiId, externalId: "user", ...more })) as {
      keyId: string;
      key: string;
    };
  const verify = (key: string, more = {}) => space.data("keys.verifyKey", { key, ...more });
  const quotaOf = async (name = "requests") =>
    (await space.data("identities.getIdentity", { identity: "user" })).quotas.find(
      (quota: { name: string }) => quota.name === name,
    );
  /** the first instant of the month after the server's clock */
  const nextMonth = () => {
    const now = new Date(server.clock.nowMs);
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  };

  test("all keys of an identity use its quota, which begins anew in the next month", async () => {
    await identityWith({ quotas: [monthly("requests", 3)] });
    const [one, other] = [await keyOf(), await keyOf()];
    const resetsAt = nextMonth();
    expect(await verify(one.key)).toMatchObject({
      valid: true,
      quotas: [
        { name: "requests", owner: "identity", limit: 3, used: 1, remaining: 2, resetsAt, exceeded: false },
      ],
    });
    expect(await verify(other.key, { quotas: [{ name: "requests", cost: 2 }] })).toMatchObject({
      valid: true,
    });
    expect(await verify(one.key)).toMatchObject({
      valid: false,
      code: "USAGE_EXCEEDED",
      quotas: [{ name: "requests", used: 3, remaining: 0, exceeded: true }],
    });
    server.clock.nowMs = resetsAt - 1;
    expect(await verify(one.key)).toMatchObject({ code: "USAGE_EXCEEDED" });
    server.clock.nowMs = resetsAt;
    expect(await verify(one.key)).toMatchObject({ valid: true, quotas: [{ used: 1, remaining: 2 }] });
  });

  test("if a key has a quota of the same name, both must suffice, and a refusal takes from neither", async () => {
    await identityWith({ quotas: [monthly("requests", 10)] });
    const { key, keyId } = await keyOf({ quotas: [monthly("requests", 2)] });
    const cost = (units: number) => verify(key, { quotas: [{ name: "requests", cost: units }] });
    expect(await cost(3)).toMatchObject({
      code: "USAGE_EXCEEDED",
      quotas: [
        { owner: "key", used: 0, exceeded: true },
        { owner: "identity", used: 0, exceeded: false },
      ],
    });
    expect(await cost(2)).toMatchObject({ valid: true });
    expect((await space.data("keys.getKey", { keyId })).quotas).toMatchObject([{ used: 2, remaining: 0 }]);
    expect(await quotaOf()).toMatchObject({ used: 2, remaining: 8 });
  });

  test("the keys of an identity share its credits; if a key also has credits of its own, both must suffice", async () => {
    await identityWith({ credits: { remaining: 5 } });
    const [free, capped] = [await keyOf(), await keyOf({ credits: { remaining: 1 } })];
    expect(await verify(free.key, { credits: { cost: 2 } })).toMatchObject({
      credits: 3,
      creditsOwner: "identity",
    });
    expect(await verify(capped.key)).toMatchObject({ credits: 0, creditsOwner: "key" });
    expect(await verify(capped.key)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 0 });
    expect(await verify(free.key, { credits: { cost: 3 } })).toMatchObject({
      code: "USAGE_EXCEEDED",
      credits: 2,
    });
    const change = { identity: "user", operation: "increment", value: 8 };
    expect(await space.data("identities.updateCredits", change)).toEqual({ remaining: 10 });
    expect(await verify(free.key, { credits: { cost: 10 } })).toMatchObject({ valid: true, credits: 0 });
    const { credits } = await space.data("identities.getIdentity", { identity: "user" });
    expect(credits).toEqual({ remaining: 0 });
  });

  test("a verification of an owner without quotas says nothing about them", async () => {
    const { key } = await space.data("keys.createKey", { apiId, credits: { remaining: 5 } });
    const verdict = await verify(key);
    expect(Object.keys(verdict).sort()).toEqual([
      "code",
      "credits",
      "enabled",
      "keyId",
      "keyspaceId",
      "valid",
    ]);
  });

  test("an unknown quota is a 412 that names it, and counts nothing", async () => {
    await identityWith({ quotas: [monthly("requests", 3)] });
    const limit = { name: "burst", limit: 5, duration: 60_000, autoApply: true };
    const { key } = await keyOf({ ratelimits: [limit] });
    const reply = await space.call("keys.verifyKey", { key, quotas: [{ name: "emails" }] });
    expect([reply.status, reply.body.error.detail]).toEqual([412, expect.stringContaining('"emails"')]);
    expect(await verify(key)).toMatchObject({ quotas: [{ used: 1 }], ratelimits: [{ remaining: 4 }] });
    const { key: bare } = await space.data("keys.createKey", { apiId });
    expect((await space.call("keys.verifyKey", { key: bare, quotas: [{ name: "emails" }] })).status).toBe(
      412,
    );
  });

  test("a rate limit that refuses takes no quota, and a quota that refuses gives the windows back", async () => {
    await identityWith({ quotas: [monthly("requests", 1)] });
    const limit = { name: "burst", limit: 2, duration: 60_000, autoApply: true };
    const { key } = await keyOf({ ratelimits: [limit] });
    expect(await verify(key, { ratelimits: [{ name: "burst", cost: 3 }] })).toMatchObject({
      code: "RATE_LIMITED",
    });
    expect(await quotaOf()).toMatchObject({ used: 0 });
    await verify(key);
    expect(await verify(key)).toMatchObject({ code: "USAGE_EXCEEDED", ratelimits: [{ remaining: 1 }] });
  });

  test("200 callers at once use exactly the limit", async () => {
    await identityWith({ quotas: [monthly("requests", 50)], credits: { remaining: 1_000 } });
    const keys = await Promise.all(Array.from({ length: 5 }, () => keyOf({ credits: { remaining: 100 } })));
    const codes = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => (await verify(keys[index % 5]?.key ?? "")).code),
    );
    expect(codes.filter((code) => code === "VALID")).toHaveLength(50);
    expect(await quotaOf()).toMatchObject({ used: 50, remaining: 0 });
    const { credits } = await space.data("identities.getIdentity", { identity: "user" });
    expect(credits.remaining).toBe(950);
    const left = await Promise.all(
      keys.map(async ({ keyId }) => (await space.data("keys.getKey", { keyId })).credits.remaining),
    );
    expect(left.reduce((sum, one) => sum + one, 0)).toBe(450);
  });

  describe("replacing the quotas", () => {
    const set = (...quotas: object[]) =>
      space.data("identities.updateIdentity", { identity: "user", quotas });

    test("keeps what a quota of the same name has used, unless it is to restart", async () => {
      await identityWith({ quotas: [monthly("requests", 10)] });
      const { key } = await keyOf();
      await verify(key, { quotas: [{ name: "requests", cost: 4 }] });
      expect((await set(monthly("requests", 20))).quotas).toMatchObject([
        { limit: 20, used: 4, remaining: 16 },
      ]);
      const weekly = { ...monthly("requests", 20), period: "week" };
      expect((await set(weekly)).quotas).toMatchObject([{ period: "week", used: 4 }]);
      expect((await set({ ...weekly, restart: true })).quotas).toMatchObject([{ used: 0 }]);
    });

    test("does not reset a quota that is removed and added again within its period", async () => {
      await identityWith({ quotas: [monthly("requests", 10)] });
      const { key } = await keyOf();
      await verify(key, { quotas: [{ name: "requests", cost: 4 }] });
      expect(await set()).not.toHaveProperty("quotas");
      expect(await verify(key)).not.toHaveProperty("quotas");
      expect((await set(monthly("requests", 10))).quotas).toMatchObject([{ used: 4 }]);
      await set();
      server.clock.nowMs = nextMonth();
      expect((await set(monthly("requests", 10))).quotas).toMatchObject([{ used: 0 }]);
    });

    test("takes effect in the very next verification of every key", async () => {
      await identityWith({});
      const { key } = await keyOf();
      expect(await verify(key)).toMatchObject({ valid: true });
      await set(monthly("requests", 0));
      expect(await verify(key)).toMatchObject({ code: "USAGE_EXCEEDED" });
      await set();
      expect(await verify(key)).toMatchObject({ valid: true });
    });
  });

  describe("grants", () => {
    test("are spent in the order of their expiry, in addition to the limit, and written to the ledger", async () => {
      await identityWith({ quotas: [monthly("requests", 2)] });
      const { key } = await keyOf();
      const grant = { identity: "user", name: "requests", amount: 3, reason: "order 4711" };
      const expires = server.clock.nowMs + dayMs;
      expect(await space.data("quotas.grant", { ...grant, expires })).toMatchObject({
        remaining: 5,
        grants: [{ amount: 3, remaining: 3, expires }],
      });
      expect(await verify(key)).toMatchObject({ quotas: [{ used: 0, remaining: 4 }] });
      server.clock.nowMs = expires;
      expect(await quotaOf()).toMatchObject({ remaining: 2 });
      const movements = await space.data("credits.listMovements", { identity: "user" });
      expect(movements).toMatchObject([
        { kind: "grant", quota: "requests", amount: 3, reason: "order 4711", actorId: expect.any(String) },
      ]);
    });

    test("that have expired already, or for a quota that does not exist, are refused", async () => {
      await identityWith({ quotas: [monthly("requests", 2)] });
      const grant = { identity: "user", name: "requests", amount: 3 };
      const expires = server.clock.nowMs;
      expect(await space.flaws("quotas.grant", { ...grant, expires })).toEqual(["body.expires"]);
      expect((await space.call("quotas.grant", { ...grant, name: "emails" })).status).toBe(412);
      expect(await space.flaws("quotas.grant", { name: "requests", amount: 3 })).toEqual(["body"]);
    });

    test("are at most 100 unspent ones for a quota", async () => {
      await identityWith({ quotas: [monthly("requests", 2)] });
      const grant = () => space.call("quotas.grant", { identity: "user", name: "requests", amount: 1 });
      for (let n = 0; n < 100; n += 1) expect((await grant()).status).toBe(200);
      expect((await grant()).body.error.type).toEndWith("/bound_exceeded");
    });
  });

  test("what is used can be set and changed, and never falls below 0", async () => {
    await identityWith({ quotas: [monthly("requests", 10)] });
    const adjust = (how: object) =>
      space.data("quotas.adjust", { identity: "user", name: "requests", ...how });
    expect(await adjust({ used: 7 })).toMatchObject({ used: 7, remaining: 3 });
    expect(await adjust({ change: -3, reason: "failed" })).toMatchObject({ used: 4 });
    expect(await adjust({ change: -30 })).toMatchObject({ used: 0 });
    expect(await space.flaws("quotas.adjust", { identity: "user", name: "requests" })).toEqual(["body"]);
  });

  test("a threshold is reported by the verification that reaches it, and in the ledger", async () => {
    await identityWith({ quotas: [monthly("requests", 10, { thresholds: [50, 100] })] });
    const { key } = await keyOf();
    const use = async (cost: number) =>
      (await verify(key, { quotas: [{ name: "requests", cost }] })).quotas[0];
    expect(await use(4)).not.toHaveProperty("crossed");
    expect(await use(1)).toMatchObject({ crossed: 50 });
    expect(await use(1)).not.toHaveProperty("crossed");
    expect(await use(4)).toMatchObject({ crossed: 100 });
    const movements = await space.data("credits.listMovements", { identity: "user" });
    expect(movements.map(({ kind, amount }: { kind: string; amount: number }) => [kind, amount])).toEqual([
      ["threshold", 100],
      ["threshold", 50],
    ]);
  });

  test("the ledger shows resets, rollovers and refills, newest first, in pages", async () => {
    const refill = { interval: "monthly", amount: 100 };
    await identityWith({
      quotas: [monthly("requests", 10, { rollover: { max: 5 } })],
      credits: { remaining: 50, refill },
    });
    const { key } = await keyOf();
    await verify(key);
    server.clock.nowMs = nextMonth();
    expect(await verify(key)).toMatchObject({ credits: 99, quotas: [{ used: 0, remaining: 14 }] });
    const first = await space.call("credits.listMovements", { identity: "user", limit: 2 });
    const { cursor } = first.body.pagination;
    const rest = await space.data("credits.listMovements", { identity: "user", limit: 2, cursor });
    const kinds = [...first.body.data, ...rest].map(({ kind, amount }) => [kind, amount]);
    expect(kinds.toSorted((a, b) => a[1] - b[1])).toEqual([
      ["rollover", 5],
      ["reset", 10],
      ["refill", 100],
    ]);
  });

  test.each([
    [{ timeZone: "Europe/Berlln" }, "timeZone", 'did you mean "Europe/Berlin"?'],
    [{ timeZone: "+02:00" }, "timeZone", "send a name such as `Europe/Berlin` or `UTC`"],
    [{ period: "hour", every: 25 }, "every", "use the period `day`"],
    [{ overage: 100 }, "overage", "send the highest total use in a period, `refuse` or `allow`"],
    [{ thresholds: [80, 50] }, "thresholds[1]", "sort the thresholds, each once"],
    [{ anchor: "monthly" }, "anchor", 'use "calendar" or "first_use", or send a number'],
    [{ anchor: -1 }, "anchor", "use at least 0"],
  ])("%j is refused at its place, with the fix", async (more, place, fix) => {
    const quotas = [monthly("other", 100), monthly("requests", 100, more)];
    const { status, body } = await space.call("identities.createIdentity", { externalId: "user", quotas });
    expect([status, body.error.errors]).toEqual([
      400,
      [{ location: `body.quotas[1].${place}`, message: expect.any(String), fix }],
    ]);
  });

  test("two quotas of one name are refused, but a quota may have the name of a rate limit", async () => {
    const twice = [monthly("requests", 1), monthly("requests", 2)];
    expect(await space.flaws("identities.createIdentity", { externalId: "user", quotas: twice })).toEqual([
      "body.quotas[1].name",
    ]);
    const limit = { name: "requests", limit: 5, duration: 60_000, autoApply: true };
    await identityWith({ quotas: [monthly("requests", 1)], ratelimits: [limit] });
    const { key } = await keyOf();
    expect(await verify(key)).toMatchObject({ quotas: [{ remaining: 0 }], ratelimits: [{ remaining: 4 }] });
  });

  test("a deleted identity takes its credits and quotas with it, and its successor begins anew", async () => {
    await identityWith({ quotas: [monthly("requests", 1)], credits: { remaining: 1 } });
    const { key } = await keyOf();
    await verify(key);
    await space.data("identities.deleteIdentity", { identity: "user" });
    expect(await verify(key)).not.toHaveProperty("credits");
    await identityWith({ quotas: [monthly("requests", 1)] });
    expect(await quotaOf()).toMatchObject({ used: 0 });
  });

  test("a rerolled key shares the quotas of its successor", async () => {
    const { key, keyId } = await space.data("keys.createKey", { apiId, quotas: [monthly("requests", 3)] });
    const { key: next } = await space.data("keys.rerollKey", { keyId, expiration: 60_000 });
    await verify(key);
    expect(await verify(next)).toMatchObject({ quotas: [{ owner: "key", used: 2 }] });
  });

  describe("an explanation and a state", () => {
    const explain = (more: object) => space.data("keys.explain", more);
    const failed = ({ checks }: { checks: { passed: boolean }[] }): object[] =>
      checks.filter(({ passed }) => !passed);

    test("name the quota that refuses, and when its reset suffices", async () => {
      await identityWith({ quotas: [monthly("requests", 3)], credits: { remaining: 9 } });
      const { key, keyId } = await keyOf({ credits: { remaining: 5 } });
      for (let n = 0; n < 3; n += 1) await verify(key);
      const response = await explain({ key });
      const resetsAt = nextMonth();
      expect(response).toMatchObject({ verdict: { code: "USAGE_EXCEEDED" }, passesAt: resetsAt });
      expect(failed(response)).toEqual([
        {
          check: "quota",
          passed: false,
          name: "requests",
          owner: "identity",
          limit: 3,
          used: 3,
          remaining: 0,
          cost: 1,
          resetsAt,
          passesAt: resetsAt,
          why: "3 of 3 used in this period, 0 left: there is no room for a cost of 1.",
          fix: expect.stringContaining("quotas.grant"),
        },
      ]);
      const owners = response.checks.flatMap(({ check, owner }: { check: string; owner: string }) =>
        check === "credits" ? [owner] : [],
      );
      expect(owners).toEqual(["key", "identity"]);
      const state = await space.data("identities.getState", { identity: "user" });
      expect(state).toMatchObject({
        credits: { remaining: 6 },
        quotas: [{ used: 3, remaining: 0, resetsAt }],
      });
      expect((await space.data("keys.getState", { keyId })).quotas).toEqual([]);
      expect(await explain({ key, at: resetsAt })).toMatchObject({ verdict: { code: "VALID" } });
    });

    test("say when a reservation expires that holds what is missing", async () => {
      await identityWith({ credits: { remaining: 10 } });
      const { key } = await keyOf();
      const hold = { identity: "user", amount: 4, ttl: 60_000 };
      const { reservation } = await space.data("credits.reserve", hold);
      await space.data("credits.reserve", { ...hold, ttl: 90_000 });
      const cost = (units: number) => explain({ key, credits: { cost: units } });
      expect(await cost(6)).toMatchObject({ passesAt: reservation.expiresAt });
      expect(await cost(7)).toMatchObject({ passesAt: server.clock.nowMs + 90_000 });
      expect(await cost(11)).not.toHaveProperty("passesAt");
    });
  });

  test("granting and adjusting need the permission to update the owner", async () => {
    await identityWith({ quotas: [monthly("requests", 2)] });
    const { keyId } = await keyOf({ quotas: [monthly("requests", 2)] });
    const grant = (rootKey: string, owner: object) =>
      space.call("quotas.grant", { ...owner, name: "requests", amount: 1 }, { rootKey });
    const [forIdentities, forKeys] = [
      await space.keyWith("identity.*.update_identity"),
      await space.keyWith(`api.${apiId}.update_key`),
    ];
    expect((await grant(forIdentities, { identity: "user" })).status).toBe(200);
    expect((await grant(forIdentities, { keyId })).status).toBe(404);
    expect((await grant(forKeys, { keyId })).status).toBe(200);
    expect((await grant(forKeys, { identity: "user" })).status).toBe(404);
    expect((await grant(await space.keyWith("api.*.verify_key"), { keyId })).status).toBe(403);
  });
});
