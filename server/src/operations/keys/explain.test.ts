import { describe, expect, test } from "bun:test";
import { expectUndisturbed, startSubject, watch } from "../../../test/bystander.ts";
import { checkOf, explaining, failedOf } from "../../../test/explaining.ts";
import { engines } from "../../../test/harness.ts";
import { dump } from "../../../test/tables.ts";

const minuteMs = 60_000;

describe.each(engines)("on $name,", (engine) => {
  const { server, space, createKey, explained } = explaining(engine);

  test("a valid key passes every check, each of which says what was compared", async () => {
    const { key, keyId } = await createKey();
    expect(await explained({ key })).toEqual({
      verdict: { valid: true, code: "VALID" },
      keyId,
      at: server.clock.nowMs,
      checks: [
        { check: "found", passed: true, why: "The key exists." },
        { check: "workspace", passed: true, why: "The workspace is enabled." },
        { check: "enabled", passed: true, why: "The key is enabled." },
        { check: "expiry", passed: true, why: "The key never expires." },
        {
          check: "permissions",
          passed: true,
          why: "The verification asks for no permissions.",
          missing: [],
          granted: [],
          parts: [],
        },
        { check: "credits", passed: true, why: "The key's credits are unlimited.", cost: 1 },
      ],
    });
  });

  test("the first failed check decides, and all that fail are listed", async () => {
    const { key } = await createKey({
      enabled: false,
      expires: server.clock.nowMs - 1,
      credits: { remaining: 0 },
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    const asked = { key, permissions: "admin", ratelimits: [{ name: "requests", cost: 2 }] };
    const response = await explained(asked);
    expect(response.verdict.code).toBe("DISABLED");
    expect(failedOf(response).map(({ check }: { check: string }) => check)).toEqual([
      "enabled",
      "expiry",
      "permissions",
      "ratelimit",
      "credits",
    ]);
    const unknown = await explained({ key, ratelimits: [{ name: "unknown" }] });
    expect(checkOf(unknown, "ratelimit")).toMatchObject({ name: "unknown", passed: false });
  });

  test("an explanation names no time at which the verification passes if neither the key nor its identity has a quota that it names", async () => {
    const { nowMs } = server.clock;
    const { key } = await createKey({
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    expect((await explained({ key })).passesAt).toBe(nowMs + minuteMs);
    const response = await explained({ key, quotas: [{ name: "unknown" }] });
    expect(checkOf(response, "ratelimit")).toMatchObject({ passed: false, passesAt: nowMs + minuteMs });
    expect(response).not.toHaveProperty("passesAt");
    server.clock.advance(minuteMs);
    const verification = { key, quotas: [{ name: "unknown" }] };
    expect((await space.call("keys.verifyKey", verification)).status).toBe(412);
  });

  test("an explanation for a later time expects that nothing else changes until then", async () => {
    const { nowMs } = server.clock;
    const { key } = await createKey({
      expires: nowMs + 2 * minuteMs,
      credits: { remaining: 9 },
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const codeAt = async (at: number) => (await explained({ key, at })).verdict.code;
    expect(await codeAt(nowMs + minuteMs - 1)).toBe("RATE_LIMITED");
    expect(await codeAt(nowMs + minuteMs)).toBe("VALID");
    expect(await codeAt(nowMs + 2 * minuteMs)).toBe("VALID");
    expect(await codeAt(nowMs + 2 * minuteMs + 1)).toBe("EXPIRED");
  });

  test("no pass is promised for a time at which the key has expired", async () => {
    const { key } = await createKey({
      expires: server.clock.nowMs + minuteMs - 1,
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const response = await explained({ key });
    expect(checkOf(response, "ratelimit").passesAt).toBe(server.clock.nowMs + minuteMs);
    expect(response.passesAt).toBeUndefined();
  });

  test("an explanation counts, spends, stores and records nothing", async () => {
    const { key, keyId } = await createKey({
      credits: { remaining: 3, refill: { interval: "daily", amount: 5 } },
      permissions: ["a"],
      ratelimits: [{ name: "requests", limit: 3, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const state = async () => ({
      rows: await dump(server.services.engine.db, space.id),
      limits: await space.data("keys.getState", { keyId }),
      usage: (await space.data("analytics.getUsage", { keyId })).totals,
      lastUsedAt: (await space.data("keys.getKey", { keyId })).lastUsedAt,
    });
    const before = await state();
    for (const body of [{ key }, { keyId, permissions: "a" }, { keyId, credits: { cost: 3 } }])
      await explained(body);
    expect(await state()).toEqual(before);
  });

  test.each([
    [{}, "body"],
    [{ key: "a", keyId: "key_abc" }, "body"],
    [{ keyHash: "abc" }, "body.keyHash"],
    [{ keyId: "key_abc", at: 0 }, "body.at"],
    [
      { keyId: "key_abc", ratelimits: [{ name: "abc", limit: 1, duration: 1e15 }] },
      "body.ratelimits[0].duration",
    ],
  ])("the request %j is refused at %s", async (body, location) => {
    expect(await space.flaws("keys.explain", body)).toEqual([location]);
  });
});

test("an explanation of 50 exhausted quotas of a key and of its identity, with 1,000 holds, delays no other request", async () => {
  const subject = await startSubject();
  const call = async (operation: string, body: unknown) => {
    const reply = await subject.call(operation, body);
    expect(reply.status).toBe(200);
    return reply.body.data;
  };
  const firstMs = Date.now() - 24 * 60 * minuteMs;
  const quotas = Array.from({ length: 50 }, (_, n) => ({
    name: `quota${n}`,
    limit: 20,
    period: "day",
    anchor: firstMs + n * minuteMs,
  }));
  const { apiId } = await call("apis.createApi", { name: "payments" });
  await call("identities.createIdentity", { externalId: "user_123", quotas });
  const { keyId } = await call("keys.createKey", { apiId, externalId: "user_123", quotas });
  for (let round = 1; round <= 20; round += 1) {
    const reserve = { keyId, amount: 1, ttl: round * 60 * minuteMs };
    await Promise.all(quotas.map(({ name }) => call("credits.reserve", { ...reserve, quota: name })));
  }
  const asked = { keyId, quotas: quotas.map(({ name }) => ({ name, cost: 21 })) };
  const impact = await watch(subject, async () => {
    const { checks } = await call("keys.explain", asked);
    expect(failedOf({ checks })).toHaveLength(100);
  });
  await subject.stop();
  expectUndisturbed(impact);
}, 60_000);
