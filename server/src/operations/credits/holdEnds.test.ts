/** Holds that end after something else has changed: a clock, a quota, a period, their owner. */
import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { watchStatements } from "../../../test/statements.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const january = Date.parse("2026-01-15T12:00:00Z");

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    // each test begins at noon of another day
    server.clock.nowMs =
      Math.max(january, Math.ceil(server.clock.nowMs / dayMs) * dayMs + dayMs / 2) + 31 * dayMs;
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const identityWith = (more: object) =>
    space.data("identities.createIdentity", { externalId: "user", ...more });
  const keyOf = async (more: object = {}) =>
    (await space.data("keys.createKey", { apiId, externalId: "user", ...more })) as {
      keyId: string;
      key: string;
    };
  const reserve = async (amount: number, more = {}) =>
    (await space.data("credits.reserve", { identity: "user", amount, ttl: 10 * minuteMs, ...more }))
      .reservation as { id: string; expiresAt: number };
  const settle = (reservationId: string, amount: number) =>
    space.data("credits.settle", { reservationId, amount });
  const release = (reservationId: string) => space.data("credits.release", { reservationId });
  const identity = () => space.data("identities.getIdentity", { identity: "user" });
  const left = async () => (await identity()).credits.remaining as number;
  const used = async () => (await identity()).quotas[0].used as number;
  const daily = { name: "tokens", limit: 100, period: "day" };

  test.each([0, 1])(
    "a clock that was an hour fast neither loses nor grants units of a hold that it let expire, for a key with %d credits of its own",
    async (own) => {
      await identityWith({ credits: { remaining: 100 } });
      const { keyId, key } = await keyOf(own === 0 ? {} : { credits: { remaining: 500 } });
      const other = await keyOf();
      const { id } = await reserve(60, { identity: undefined, keyId });
      server.clock.advance(hourMs);
      // returns the expired hold's units to the identity's account, but not yet to the key's
      await space.data("keys.verifyKey", { key: other.key });
      server.clock.advance(-hourMs);
      expect(await settle(id, 30)).toEqual({ charged: 30, returned: 0, shortfall: 0, late: true });
      expect(await left()).toBe(69);
      const verdict = await space.data("keys.verifyKey", { key, credits: { cost: 0 } });
      expect(verdict.credits).toBe(69);
      if (own > 0) expect((await space.data("keys.getKey", { keyId })).credits.remaining).toBe(470);
    },
  );

  test("holds that expired before the next spend come back a thousand at a time, so that nobody waits for all of them", async () => {
    const count = 2_100;
    await identityWith({ credits: { remaining: count } });
    const { key } = await keyOf();
    for (let made = 0; made < count; made += 100) {
      await Promise.all(Array.from({ length: 100 }, () => reserve(1)));
    }
    expect(await left()).toBe(0);
    server.clock.advance(hourMs);
    const handled: number[] = [];
    watchStatements(server.services.engine, ({ sql, parameters }) => {
      if (/"hold(s|Parts)"/.test(sql)) handled.push(heldIn(parameters));
    });
    expect((await space.data("keys.verifyKey", { key })).code).toBe("VALID");
    expect(Math.max(...handled)).toBeLessThanOrEqual(1_000);
    expect(handled.reduce((sum, one) => sum + one)).toBeGreaterThanOrEqual(3 * count); // deleted, locked, ended
    expect(await left()).toBe(count - 1);
  });

  test("a hold that a fast clock charged at its expiry is settled in full, whatever the right clock says", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { key } = await keyOf();
    const { id } = await reserve(60, { onExpiry: "charge" });
    server.clock.advance(hourMs);
    await space.data("keys.verifyKey", { key });
    server.clock.advance(-hourMs);
    expect((await space.call("credits.settle", { reservationId: id, amount: 10 })).status).toBe(409);
    expect(await settle(id, 60)).toEqual({ charged: 60, returned: 0, shortfall: 0 });
    expect(await left()).toBe(39);
  });

  test("if a quota is removed and another one gets its name, a hold does not give its units to the new one", async () => {
    await identityWith({ quotas: [daily] });
    const { key } = await keyOf();
    const { id } = await reserve(40, { quota: "tokens", ttl: dayMs });
    await space.data("identities.updateIdentity", { identity: "user", quotas: [] });
    server.clock.advance(dayMs / 2); // the period of the removed quota is over, so the server forgets the quota
    await space.data("identities.updateIdentity", { identity: "user", quotas: [daily] });
    await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", cost: 50 }] });
    await release(id);
    expect(await used()).toBe(50);
  });

  test("units that were held when a period ended do not come back to the next one, settled, released or expired", async () => {
    await identityWith({ quotas: [daily] });
    const { key } = await keyOf();
    const first = await reserve(20, { quota: "tokens", ttl: dayMs });
    const second = await reserve(20, { quota: "tokens", ttl: dayMs });
    await reserve(20, { quota: "tokens", ttl: 13 * hourMs });
    server.clock.advance(dayMs / 2);
    await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", cost: 90 }] });
    await settle(first.id, 5);
    await release(second.id);
    server.clock.advance(2 * hourMs);
    expect(await used()).toBe(90);
    const verdict = await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", cost: 11 }] });
    expect(verdict).toMatchObject({ code: "USAGE_EXCEEDED" });
  });

  test("a settlement that takes more than was held and so reaches a threshold writes it to the ledger", async () => {
    await identityWith({ quotas: [{ ...daily, thresholds: [80] }] });
    const { id } = await reserve(10, { quota: "tokens" });
    await settle(id, 85);
    const movements = await space.data("credits.listMovements", { identity: "user" });
    expect(movements.map(({ kind, amount }: { kind: string; amount: number }) => [kind, amount])).toEqual(
      expect.arrayContaining([
        ["threshold", 80],
        ["settle", 85],
      ]),
    );
  });

  test("a rerolled key settles the holds of the old one, and a disabled key's holds can be settled", async () => {
    const { keyId, key } = await keyOf({ externalId: undefined, credits: { remaining: 100 } });
    const held = await space.data("keys.verifyKey", { key, credits: { reserve: 40, ttl: minuteMs } });
    const rerolled = await space.data("keys.rerollKey", { keyId, expiration: 0 });
    expect(await settle(held.reservation.id, 10)).toMatchObject({ charged: 10, returned: 30 });
    expect((await space.data("keys.getKey", { keyId: rerolled.keyId })).credits.remaining).toBe(90);
    const again = await space.data("keys.verifyKey", {
      key: rerolled.key,
      credits: { reserve: 40, ttl: minuteMs },
    });
    await space.data("keys.updateKey", { keyId: rerolled.keyId, enabled: false });
    expect(await release(again.reservation.id)).toMatchObject({ returned: 40 });
    expect((await space.data("keys.getKey", { keyId: rerolled.keyId })).credits.remaining).toBe(90);
  });

  test("a permanently deleted key leaves nothing of its holds behind, and its identity gets their units back", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { keyId } = await keyOf({ credits: { remaining: 50 } });
    const { id } = await reserve(30, { identity: undefined, keyId });
    await space.data("keys.deleteKey", { keyId, permanent: true });
    const { db } = server.services.engine;
    const parts = db.selectFrom("holdParts").select("ownerId").where("workspaceId", "=", space.id);
    expect(await parts.execute()).toEqual([{ ownerId: (await identity()).id }]);
    expect(await settle(id, 10)).toEqual({ charged: 10, returned: 20, shortfall: 0 });
    expect(await left()).toBe(90);
  });

  test("settlements and the deletion of their identity at once lock in one order, so none is run twice", async () => {
    const { engine } = server.services;
    const { transaction } = engine;
    let runs = 0;
    let transactions = 0;
    engine.transaction = (work, options) => {
      transactions += 1;
      return transaction((tx) => {
        runs += 1;
        return work(tx);
      }, options);
    };
    for (let round = 0; round < 10; round += 1) {
      await identityWith({ credits: { remaining: 1_000 } });
      const holds = await Promise.all(Array.from({ length: 6 }, () => reserve(10)));
      const settled = holds.map(({ id }) => space.call("credits.settle", { reservationId: id, amount: 5 }));
      const deleted = space.call("identities.deleteIdentity", { identity: "user" });
      const statuses = (await Promise.all(settled)).map(({ status }) => status);
      expect((await deleted).status).toBe(200);
      expect(statuses.filter((status) => status !== 200 && status !== 404)).toEqual([]);
    }
    engine.transaction = transaction;
    expect(runs).toBe(transactions);
  });

  describe("a verification that reserves from a quota", () => {
    const tokens = { name: "tokens", limit: 1_000, period: "day" };
    const requests = { name: "requests", limit: 10, period: "day", autoApply: true };
    const held = [{ name: "tokens", reserve: 400, ttl: minuteMs }];

    test("spends one credit and counts as one request, exactly as one that uses the quota at once", async () => {
      await identityWith({ credits: { remaining: 10 }, quotas: [tokens, requests] });
      const { key } = await keyOf();
      const atOnce = await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", cost: 400 }] });
      const later = await space.data("keys.verifyKey", { key, quotas: held });
      expect([atOnce.credits, later.credits]).toEqual([9, 8]);
      expect(later.quotas).toMatchObject([{ used: 800 }, { used: 2 }]);
      await release(later.reservation.id);
      expect(await identity()).toMatchObject({
        credits: { remaining: 8 },
        quotas: [{ used: 400 }, { used: 2 }],
      });
    });

    test("spends no credit if `credits.cost` is 0, and is refused without credits otherwise", async () => {
      await identityWith({ credits: { remaining: 0 }, quotas: [tokens] });
      const { key } = await keyOf();
      const free = await space.data("keys.verifyKey", { key, credits: { cost: 0 }, quotas: held });
      expect(free).toMatchObject({ valid: true, credits: 0, reservation: { amount: 400 } });
      expect(await space.data("keys.verifyKey", { key, quotas: held })).toMatchObject({
        code: "USAGE_EXCEEDED",
        quotas: [{ used: 400, exceeded: false }],
      });
    });
  });

  test("unlimited credits can be reserved, settled, released and expire, for keys and identities with and without an account", async () => {
    await identityWith({ quotas: [daily] });
    const bare = await keyOf({ externalId: undefined });
    const ofIdentity = await keyOf();
    const ids: string[] = [(await reserve(50)).id];
    for (const { key, keyId } of [bare, ofIdentity]) {
      const verdict = await space.data("keys.verifyKey", { key, credits: { reserve: 50, ttl: minuteMs } });
      expect(verdict).toMatchObject({ valid: true, reservation: { amount: 50 } });
      ids.push(verdict.reservation.id, (await reserve(50, { identity: undefined, keyId })).id);
    }
    const [first = "", second = "", ...others] = ids;
    expect(await settle(first, 60)).toEqual({ charged: 60, returned: 0, shortfall: 0 });
    expect(await release(second)).toEqual({ charged: 0, returned: 50, shortfall: 0 });
    server.clock.advance(hourMs);
    for (const id of others) expect(await settle(id, 20)).toMatchObject({ charged: 20, late: true });
  });

  test("no sum of grants, corrections or returned credits leaves the whole numbers that JSON can hold", async () => {
    const largest = Number.MAX_SAFE_INTEGER;
    await identityWith({ credits: { remaining: largest }, quotas: [daily] });
    const { id } = await reserve(1_000);
    await space.data("identities.updateCredits", { identity: "user", operation: "increment", value: 1_000 });
    await release(id);
    expect(await left()).toBe(largest);
    const quota = { identity: "user", name: "tokens" };
    await space.data("quotas.grant", { ...quota, amount: 10 ** 15 });
    expect(await space.flaws("quotas.grant", { ...quota, amount: 1 })).toEqual(["body.amount"]);
    for (let n = 0; n < 9; n += 1) await space.data("quotas.adjust", { ...quota, change: 10 ** 15 });
    expect(await space.flaws("quotas.adjust", { ...quota, change: 10 ** 15 })).toEqual(["body.change"]);
  });
});

/** How many holds a statement names. */
function heldIn(parameters: readonly unknown[]): number {
  return Math.max(...parameters.map((value) => String(value).split("hold_").length - 1));
}
