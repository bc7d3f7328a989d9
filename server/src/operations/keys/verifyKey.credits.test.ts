import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
const auto = (name: string, limit: number) => ({ name, limit, duration: minuteMs, autoApply: true });

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = async (credits: object, more = {}) =>
    (await space.data("keys.createKey", { apiId, credits, ...more })) as { keyId: string; key: string };
  const verify = (key: string, cost?: number, more = {}) =>
    space.data("keys.verifyKey", { key, ...(cost === undefined ? {} : { credits: { cost } }), ...more });
  const left = async (keyId: string) =>
    (await space.data("keys.getKey", { keyId })).credits.remaining as number;
  /** moves the clock forward to this instant */
  const until = (instant: string) => {
    server.clock.nowMs = Date.parse(instant);
  };

  test("a verification spends the cost that it sends, or 1 credit if it sends none", async () => {
    const { key, keyId } = await createKey({ remaining: 10 });
    expect(await verify(key)).toMatchObject({ valid: true, credits: 9 });
    expect(await verify(key, 4)).toMatchObject({ valid: true, credits: 5 });
    expect(await verify(key, 0)).toMatchObject({ valid: true, credits: 5 });
    expect(await verify(key, 5)).toMatchObject({ valid: true, credits: 0 });
    expect(await verify(key)).toMatchObject({ valid: false, code: "USAGE_EXCEEDED", credits: 0 });
    expect(await verify(key, 0)).toMatchObject({ valid: true, credits: 0 });
    expect(await left(keyId)).toBe(0);
  });

  test("a cost above what is left is refused, spends nothing, and the response says what is left", async () => {
    const { key } = await createKey({ remaining: 3 });
    for (const cost of [4, 1_000_000_000_000]) {
      expect(await verify(key, cost)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 3 });
    }
    expect(await verify(key, 3)).toMatchObject({ valid: true, credits: 0 });
    expect(await space.flaws("keys.verifyKey", { key, credits: { cost: 1_000_000_000_001 } })).toEqual([
      "body.credits.cost",
    ]);
  });

  test("an unlimited key spends and returns no credits", async () => {
    const { key } = await createKey({ remaining: null });
    expect(await verify(key, 1_000_000_000_000)).toMatchObject({ valid: true });
    expect(await verify(key, 5)).not.toHaveProperty("credits");
  });

  test("200 calls over 64 sockets spend exactly the credits that are left, and the limits count only calls that passed", async () => {
    const { key, keyId } = await createKey({ remaining: 50 }, { ratelimits: [auto("api", 1_000)] });
    const codes: Record<string, number> = {};
    const caller = async () => {
      for (let i = 0; i < 3; i += 1) {
        const { code } = await verify(key);
        codes[code] = (codes[code] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect(codes).toEqual({ VALID: 50, USAGE_EXCEEDED: 142 });
    expect(await left(keyId)).toBe(0);
    const [{ remaining }] = (await verify(key, 0, { ratelimits: [{ name: "api", cost: 0 }] })).ratelimits;
    expect(remaining).toBe(950);
  });

  test("costs of any size spent at once add up to what was spent", async () => {
    const { key, keyId } = await createKey({ remaining: 100 });
    const costs = Array.from({ length: 40 }, (_, i) => (i * 7) % 11);
    const responses = await Promise.all(costs.map(async (cost) => ({ cost, ...(await verify(key, cost)) })));
    const granted = responses.filter(({ valid }) => valid).reduce((sum, { cost }) => sum + cost, 0);
    expect(await left(keyId)).toBe(100 - granted);
    const least = Math.min(...responses.filter(({ valid }) => !valid).map(({ cost }) => cost));
    expect(100 - granted).toBeLessThan(least);
  });

  test("spending at once from many balances takes from each balance only its own costs", async () => {
    const keys = await Promise.all(Array.from({ length: 12 }, (_, i) => createKey({ remaining: i })));
    const all = keys.flatMap(({ key }) => Array.from({ length: 12 }, () => key));
    const codes = await Promise.all(all.map(async (key) => ({ key, code: (await verify(key)).code })));
    for (const [i, { key, keyId }] of keys.entries()) {
      expect(codes.filter((one) => one.key === key && one.code === "VALID")).toHaveLength(i);
      expect(await left(keyId)).toBe(0);
    }
  });

  test("if credits refuse, the rate limits give back what they counted, and the response shows that", async () => {
    const shared = { externalId: "user_123", ratelimits: [auto("shared", 5)] };
    await space.data("identities.createIdentity", shared);
    const poor = await createKey({ remaining: 0 }, { externalId: "user_123", ratelimits: [auto("own", 5)] });
    const rich = await createKey({ remaining: 9 }, { externalId: "user_123" });
    await verify(rich.key);
    server.clock.advance(1_000);
    const asked = {
      ratelimits: [
        { name: "own", cost: 2 },
        { name: "shared", cost: 3 },
      ],
    };
    const refused = await verify(poor.key, 1, asked);
    expect(refused).toMatchObject({ code: "USAGE_EXCEEDED", credits: 0 });
    const zero = {
      ratelimits: [
        { name: "own", cost: 0 },
        { name: "shared", cost: 0 },
      ],
    };
    const looked = await verify(poor.key, 0, zero);
    expect(looked.ratelimits).toMatchObject([
      { name: "shared", remaining: 4 },
      { name: "own", remaining: 5 },
    ]);
    expect(refused.ratelimits).toEqual(looked.ratelimits);
  });

  test("a limit that refuses spends no credits, and the response says how many are left", async () => {
    const { key, keyId } = await createKey({ remaining: 9 }, { ratelimits: [auto("api", 1)] });
    await verify(key);
    for (let i = 0; i < 3; i += 1) {
      expect(await verify(key)).toMatchObject({ code: "RATE_LIMITED", credits: 8 });
    }
    expect(await left(keyId)).toBe(8);
  });

  describe("a refill", () => {
    const daily = { interval: "daily", amount: 5 };

    test("comes every day at 00:00 UTC, not a millisecond before", async () => {
      until("2026-03-01T12:00:00.000Z");
      const { key } = await createKey({ remaining: 1, refill: daily });
      expect(await verify(key)).toMatchObject({ valid: true, credits: 0 });
      until("2026-03-01T23:59:59.999Z");
      expect(await verify(key)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 0 });
      until("2026-03-02T00:00:00.000Z");
      expect(await verify(key)).toMatchObject({ valid: true, credits: 4 });
      until("2026-03-02T23:59:59.999Z");
      expect(await verify(key, 4)).toMatchObject({ valid: true, credits: 0 });
      until("2026-03-03T00:00:00.000Z");
      expect(await verify(key, 5)).toMatchObject({ valid: true, credits: 0 });
    });

    test("that was missed for many periods counts once", async () => {
      until("2026-03-10T12:00:00.000Z");
      const { key } = await createKey({ remaining: 2, refill: daily });
      server.clock.advance(30 * dayMs);
      expect(await verify(key)).toMatchObject({ credits: 4 });
      expect(await verify(key, 5)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 4 });
    });

    test("sets the balance to its amount, even if that is lower", async () => {
      until("2026-04-20T12:00:00.000Z");
      const { key, keyId } = await createKey({ remaining: 1_000, refill: daily });
      expect(await verify(key)).toMatchObject({ credits: 999 });
      until("2026-04-21T00:00:00.000Z");
      expect(await left(keyId)).toBe(5);
      expect(await verify(key)).toMatchObject({ credits: 4 });
    });

    test("monthly comes on its day, or on the month's last one", async () => {
      until("2027-01-30T12:00:00.000Z");
      const refill = { interval: "monthly", amount: 5, refillDay: 31 };
      const { key } = await createKey({ remaining: 0, refill });
      const at = async (instant: string) => {
        until(instant);
        return (await verify(key, 5)).code;
      };
      expect(await at("2027-01-30T23:59:59.999Z")).toBe("USAGE_EXCEEDED");
      expect(await at("2027-01-31T00:00:00.000Z")).toBe("VALID");
      expect(await at("2027-02-27T23:59:59.999Z")).toBe("USAGE_EXCEEDED");
      expect(await at("2027-02-28T00:00:00.000Z")).toBe("VALID");
      expect(await at("2027-03-30T23:59:59.999Z")).toBe("USAGE_EXCEEDED");
      expect(await at("2027-03-31T00:00:00.000Z")).toBe("VALID");
    });

    test("monthly without a day comes on the first", async () => {
      until("2027-05-15T00:00:00.000Z");
      const { key } = await createKey({ remaining: 0, refill: { interval: "monthly", amount: 5 } });
      until("2027-05-31T23:59:59.999Z");
      expect(await verify(key)).toMatchObject({ code: "USAGE_EXCEEDED" });
      until("2027-06-01T00:00:00.000Z");
      expect(await verify(key)).toMatchObject({ valid: true, credits: 4 });
    });

    test("happens once, however many verifications find it due at once", async () => {
      until("2027-07-01T12:00:00.000Z");
      const { key, keyId } = await createKey({ remaining: 0, refill: { interval: "daily", amount: 20 } });
      until("2027-07-02T00:00:00.000Z");
      const codes = await Promise.all(Array.from({ length: 64 }, async () => (await verify(key)).code));
      expect(codes.filter((code) => code === "VALID")).toHaveLength(20);
      expect(await left(keyId)).toBe(0);
    });

    test("that is due shows in a verification that another check refuses, which spends nothing", async () => {
      until("2027-08-01T12:00:00.000Z");
      const { key, keyId } = await createKey({ remaining: 0, refill: daily }, { enabled: false });
      until("2027-08-02T00:00:00.000Z");
      expect(await verify(key)).toMatchObject({ code: "DISABLED", credits: 5 });
      expect(await left(keyId)).toBe(5);
    });

    test("with an amount below the cost happens, and the verification is refused", async () => {
      until("2027-09-01T12:00:00.000Z");
      const { key } = await createKey({ remaining: 0, refill: daily });
      until("2027-09-02T00:00:00.000Z");
      expect(await verify(key, 6)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 5 });
      expect(await verify(key, 5)).toMatchObject({ valid: true, credits: 0 });
    });
  });
});
