import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const minuteMs = 60_000;
const january = Date.parse("2026-01-15T12:00:00Z");

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
  const reserve = (amount: number, more = {}) =>
    space.data("credits.reserve", { identity: "user", amount, ttl: minuteMs, ...more });
  const settle = (reservationId: string, amount: number) =>
    space.data("credits.settle", { reservationId, amount });
  const release = (reservationId: string) => space.data("credits.release", { reservationId });
  const left = async () =>
    (await space.data("identities.getIdentity", { identity: "user" })).credits.remaining as number;

  test("held credits cannot be spent, and what is not used comes back when it is settled", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { key } = await keyOf();
    const verdict = await space.data("keys.verifyKey", { key, credits: { reserve: 80, ttl: minuteMs } });
    const { reservation } = verdict;
    expect(verdict).toMatchObject({ valid: true, credits: 20 });
    expect(reservation.id).toStartWith("hold_");
    expect(reservation).toMatchObject({ amount: 80, expiresAt: server.clock.nowMs + minuteMs });
    expect(await space.data("keys.verifyKey", { key, credits: { cost: 21 } })).toMatchObject({
      valid: false,
    });
    expect(await settle(reservation.id, 30)).toEqual({ charged: 30, returned: 50, shortfall: 0 });
    expect(await left()).toBe(70);
  });

  test("unlimited credits can be held too, and settling charges any amount without a shortfall", async () => {
    await identityWith({});
    const quota = { name: "tokens", limit: 5, period: "day" };
    for (const more of [{}, { quotas: [quota] }]) {
      const { key, keyId } = await keyOf(more);
      const verdict = await space.data("keys.verifyKey", { key, credits: { reserve: 80, ttl: minuteMs } });
      expect(verdict).toMatchObject({ valid: true, reservation: { amount: 80 } });
      expect(verdict).not.toHaveProperty("credits");
      expect(await settle(verdict.reservation.id, 90)).toEqual({ charged: 90, returned: 0, shortfall: 0 });
      for (const owner of [{ identity: "user" }, { keyId, identity: undefined }]) {
        const { granted, reservation } = await reserve(7, owner);
        expect(granted).toBe(true);
        expect(await release(reservation.id)).toEqual({ charged: 0, returned: 7, shortfall: 0 });
      }
    }
  });

  test("a reservation that is not granted holds nothing", async () => {
    await identityWith({ credits: { remaining: 10 } });
    const { key } = await keyOf();
    expect(await reserve(11)).toEqual({ granted: false });
    const verdict = await space.data("keys.verifyKey", { key, credits: { reserve: 11, ttl: minuteMs } });
    expect(verdict).toMatchObject({ code: "USAGE_EXCEEDED", credits: 10 });
    expect(verdict).not.toHaveProperty("reservation");
    expect(await left()).toBe(10);
  });

  test("settling more than was held takes what is there, and says what is missing", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { reservation } = await reserve(40);
    expect(await settle(reservation.id, 70)).toEqual({ charged: 70, returned: 0, shortfall: 0 });
    const second = (await reserve(20)).reservation;
    expect(await settle(second.id, 50)).toEqual({ charged: 30, returned: 0, shortfall: 20 });
    expect(await left()).toBe(0);
  });

  test("settling twice with one amount returns the first outcome, with another it is 409", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { reservation } = await reserve(40);
    const first = await settle(reservation.id, 10);
    expect(await settle(reservation.id, 10)).toEqual(first);
    const other = await space.call("credits.settle", { reservationId: reservation.id, amount: 11 });
    expect([other.status, other.body.error.type]).toEqual([409, expect.stringMatching(/reservation_ended$/)]);
    expect((await space.call("credits.release", { reservationId: reservation.id })).status).toBe(409);
    expect(await left()).toBe(90);
    const released = (await reserve(40)).reservation;
    expect(await release(released.id)).toEqual({ charged: 0, returned: 40, shortfall: 0 });
    expect(await release(released.id)).toEqual({ charged: 0, returned: 40, shortfall: 0 });
    expect(await left()).toBe(90);
  });

  test("an expired hold is given back once, exactly at its expiry, whoever reads the balance first", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { key } = await keyOf();
    const { reservation } = await reserve(100);
    const verify = () => space.data("keys.verifyKey", { key });
    server.clock.nowMs = reservation.expiresAt - 1;
    expect([await left(), (await verify()).code]).toEqual([0, "USAGE_EXCEEDED"]);
    server.clock.nowMs = reservation.expiresAt;
    expect([await left(), (await verify()).credits, await left()]).toEqual([100, 99, 99]);
    const [, expiry] = await space
      .data("credits.listMovements", { identity: "user" })
      .then((all) => [0, all[0]]);
    expect(expiry).toMatchObject({ kind: "expire", amount: 100, reason: reservation.id });
  });

  test("settling after the expiry charges what is there then, and says that it is late", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { reservation } = await reserve(60);
    server.clock.nowMs = reservation.expiresAt;
    expect(await settle(reservation.id, 150)).toEqual({
      charged: 100,
      returned: 0,
      shortfall: 50,
      late: true,
    });
    expect(await settle(reservation.id, 150)).toMatchObject({ charged: 100, late: true });
    expect(await left()).toBe(0);
  });

  test("a hold that is charged at its expiry stays charged, and has then been settled in full", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { reservation } = await reserve(60, { onExpiry: "charge" });
    server.clock.nowMs = reservation.expiresAt;
    expect(await left()).toBe(40);
    expect(await settle(reservation.id, 60)).toEqual({ charged: 60, returned: 0, shortfall: 0 });
    const other = await space.call("credits.settle", { reservationId: reservation.id, amount: 10 });
    expect(other.status).toBe(409);
    expect(await left()).toBe(40);
  });

  test("credits that were held before a set or a refill do not come back after it", async () => {
    await identityWith({ credits: { remaining: 100, refill: { interval: "daily", amount: 100 } } });
    const { reservation } = await reserve(60, { ttl: 86_400_000 });
    await space.data("identities.updateCredits", { identity: "user", operation: "set", value: 10 });
    expect(await release(reservation.id)).toMatchObject({ charged: 0 });
    expect(await left()).toBe(10);
    const second = (await reserve(5, { ttl: 86_400_000 })).reservation;
    server.clock.nowMs = Math.floor(server.clock.nowMs / 86_400_000 + 1) * 86_400_000;
    expect(await left()).toBe(100);
    await release(second.id);
    expect(await left()).toBe(100);
  });

  test("units of a quota are held like credits, for a key its own and its identity's", async () => {
    const quota = { name: "tokens", limit: 1_000, period: "month" };
    await identityWith({ quotas: [quota] });
    const { key, keyId } = await keyOf({ quotas: [{ ...quota, limit: 500 }] });
    const held = { name: "tokens", reserve: 400, ttl: minuteMs };
    const verdict = await space.data("keys.verifyKey", { key, quotas: [held] });
    expect(verdict).toMatchObject({
      quotas: [
        { owner: "key", used: 400 },
        { owner: "identity", used: 400 },
      ],
      reservation: { amount: 400 },
    });
    expect(await settle(verdict.reservation.id, 150)).toEqual({ charged: 150, returned: 250, shortfall: 0 });
    const { quotas } = await space.data("keys.getKey", { keyId });
    expect(quotas).toMatchObject([{ used: 150 }]);
    const identity = await space.data("identities.getIdentity", { identity: "user" });
    expect(identity.quotas).toMatchObject([{ used: 150 }]);
  });

  test("settle, release and expiry at once end a hold exactly once", async () => {
    await identityWith({ credits: { remaining: 1_000 } });
    for (let round = 0; round < 10; round += 1) {
      const before = await left();
      const { reservation } = await reserve(50);
      const { id: reservationId } = reservation;
      if (round % 2 === 1) server.clock.nowMs = reservation.expiresAt;
      const calls = Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0
          ? space.call("credits.settle", { reservationId, amount: 20 })
          : space.call("credits.release", { reservationId }),
      );
      const replies = await Promise.all(calls);
      const settled = replies.filter(({ status }, index) => status === 200 && index % 2 === 0).length;
      const released = replies.filter(({ status }, index) => status === 200 && index % 2 === 1).length;
      expect([settled, released].toSorted((a, b) => a - b)).toEqual([0, 6]);
      expect(await left()).toBe(settled > 0 ? before - 20 : before);
    }
  });

  test("the holds of a deleted identity end with it: settling them is 404", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { reservation } = await reserve(40);
    await space.data("identities.deleteIdentity", { identity: "user" });
    const reply = await space.call("credits.settle", { reservationId: reservation.id, amount: 1 });
    expect([reply.status, reply.body.error.type]).toEqual([
      404,
      expect.stringMatching(/reservation_not_found$/),
    ]);
  });

  test("only root keys that may verify the key hold and settle, and others do not see the reservation", async () => {
    await identityWith({ credits: { remaining: 100 } });
    const { keyId } = await keyOf();
    const { apiId: other } = await space.data("apis.createApi", { name: "other" });
    const [mine, foreign] = [
      await space.keyWith(`api.${apiId}.verify_key`),
      await space.keyWith(`api.${other}.verify_key`),
    ];
    const hold = { keyId, amount: 10, ttl: minuteMs };
    expect((await space.call("credits.reserve", hold, { rootKey: foreign })).status).toBe(404);
    const reserved = await space.call("credits.reserve", hold, { rootKey: mine });
    const settlement = { reservationId: reserved.body.data.reservation.id, amount: 3 };
    expect((await space.call("credits.settle", settlement, { rootKey: foreign })).status).toBe(404);
    expect((await space.call("credits.settle", settlement, { rootKey: mine })).status).toBe(200);
  });

  test.each([
    [{ credits: { reserve: 5, ttl: minuteMs, cost: 1 } }, "body.credits.cost"],
    [{ credits: { reserve: 5 } }, "body.credits.ttl"],
    [{ credits: { ttl: minuteMs } }, "body.credits.ttl"],
    [{ credits: { reserve: 0, ttl: minuteMs } }, "body.credits.reserve"],
    [{ credits: { reserve: 5, ttl: 999 } }, "body.credits.ttl"],
    [{ quotas: [{ name: "tokens", onExpiry: "charge" }] }, "body.quotas[0].onExpiry"],
    [
      { credits: { reserve: 5, ttl: minuteMs }, quotas: [{ name: "tokens", reserve: 5, ttl: minuteMs }] },
      "body.quotas[0].reserve",
    ],
  ])("%j is refused at its place", async (more, place) => {
    const { key } = await keyOf();
    expect(await space.flaws("keys.verifyKey", { key, ...more })).toEqual([place]);
  });
});
