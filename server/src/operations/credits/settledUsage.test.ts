import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { cleanUpTasks } from "../../storage/cleanUp.ts";

const minuteMs = 60_000;

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    await space.data("identities.createIdentity", { externalId: "user", credits: { remaining: 1_000 } });
    ({ keyId, key } = await space.data("keys.createKey", { apiId, externalId: "user" }));
  });
  const verify = (more: object) => space.data("keys.verifyKey", { key, tags: ["model=large"], ...more });
  const hold = async (reserve: number, more: object = {}) =>
    (await verify({ credits: { reserve, ttl: minuteMs, ...more } })).reservation.id as string;
  const settle = (reservationId: string, amount: number) =>
    space.call("credits.settle", { reservationId, amount });
  const usage = (more: object = {}) => space.data("analytics.getUsage", { granularity: "minute", ...more });
  const credits = async (more: object = {}) => (await usage(more)).totals.credits as number;
  const settlements = () => space.data("analytics.listEvents", { kind: "settlement" });
  const chargeExpired = async () => {
    const { engine, usage } = server.services;
    for (const task of cleanUpTasks(undefined, usage.record).byAge) {
      const done = await engine.transaction((tx) => task(tx, server.clock.nowMs, 500));
      if (typeof done !== "number") done.committed();
    }
  };

  test("usage counts what a settlement charged, not what was held, of the key, its identity, its api and its tags", async () => {
    await verify({ credits: { cost: 3 } });
    const id = await hold(400);
    expect(await credits()).toBe(3);
    await settle(id, 150);
    for (const of of [{}, { keyId }, { identity: "user" }, { apiId }, { tag: "model=large" }]) {
      const { totals } = await usage(of);
      expect(totals).toEqual({ total: 2, credits: 153, outcomes: { VALID: 2 } });
    }
    const { groups } = await usage({ by: "outcome" });
    expect(groups).toEqual([
      { name: "VALID", total: 2, credits: 3, outcomes: { VALID: 2 } },
      { name: "SETTLED", total: 0, credits: 150, outcomes: {} },
    ]);
  });

  test("a settlement is a single event with the credits, the key, the identity and the tags of its verification", async () => {
    const id = await hold(400);
    const { body } = await settle(id, 150);
    expect(await settlements()).toEqual([
      {
        id: expect.any(String),
        time: server.clock.nowMs,
        kind: "settlement",
        outcome: "SETTLED",
        requestId: body.meta.requestId,
        credits: 150,
        keyId,
        apiId,
        identity: { id: expect.any(String), externalId: "user" },
        tags: ["model=large"],
      },
    ]);
    const [verification] = await space.data("analytics.listEvents", { kind: "verification" });
    expect(verification).toMatchObject({ outcome: "VALID", credits: 0 });
  });

  test("a settlement that is repeated, by many at once too, is counted once, and a release counts nothing", async () => {
    const id = await hold(100);
    const replies = await Promise.all(Array.from({ length: 20 }, () => settle(id, 40)));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const other = await hold(100);
    await space.data("credits.release", { reservationId: other });
    expect([await credits(), (await settlements()).length]).toEqual([40, 1]);
  });

  test("what is charged late, and more than was held, is counted as far as it was charged", async () => {
    const id = await hold(100);
    server.clock.advance(minuteMs);
    await settle(id, 1_500);
    expect(await credits()).toBe(1_000);
  });

  test("a hold that is charged at its expiry is counted once, at that time, whether it is settled afterwards or not", async () => {
    const id = await hold(70, { onExpiry: "charge" });
    await hold(30, { onExpiry: "charge" });
    const expiredAtMs = server.clock.nowMs + minuteMs;
    await chargeExpired();
    expect(await credits()).toBe(0);
    server.clock.advance(10 * minuteMs);
    await settle(id, 70);
    for (let round = 0; round < 2; round += 1) await chargeExpired();
    await settle(id, 70);
    expect(await credits()).toBe(100);
    const events = await settlements();
    expect(events.map(({ time, credits }: { time: number; credits: number }) => [time, credits])).toEqual(
      expect.arrayContaining([
        [expiredAtMs, 70],
        [expiredAtMs, 30],
      ]),
    );
  });

  test("units of quotas and credits that are unlimited are never counted as credits", async () => {
    const quotas = [{ name: "tokens", limit: 1_000, period: "month" }];
    const free = await space.data("keys.createKey", { apiId, quotas });
    const reserved = [
      { credits: { reserve: 50, ttl: minuteMs } },
      { quotas: [{ name: "tokens", reserve: 50, ttl: minuteMs }] },
      { credits: { reserve: 50, ttl: minuteMs, onExpiry: "charge" } },
    ];
    const ids: string[] = [];
    for (const more of reserved) {
      ids.push((await space.data("keys.verifyKey", { key: free.key, ...more })).reservation.id);
    }
    await settle(ids[0] ?? "", 20);
    await settle(ids[1] ?? "", 20);
    server.clock.advance(minuteMs);
    await chargeExpired();
    expect([await credits(), await settlements()]).toEqual([0, []]);
  });

  test("a settlement is not a use of the key, and no key is among the top by settlements alone", async () => {
    const id = await hold(100);
    const { lastUsedAt } = await space.data("keys.getKey", { keyId });
    server.clock.advance(minuteMs / 2);
    await settle(id, 10);
    expect((await space.data("keys.getKey", { keyId })).lastUsedAt).toBe(lastUsedAt);
    const end = server.clock.nowMs + 1;
    const { reservation } = await space.data("credits.reserve", {
      identity: "user",
      amount: 5,
      ttl: minuteMs,
    });
    await settle(reservation.id, 5);
    const { items } = await space.data("analytics.getTop", { of: "identities", end });
    expect(items.map(({ count }: { count: number }) => count)).toEqual([1]);
  });
});
