import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { whileHeld } from "../../../test/held.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { creditsOnly } from "../../domain/accounts.ts";
import { spendAll } from "../../storage/queries/charges.ts";

const most = Number.MAX_SAFE_INTEGER;

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const create = async (credits?: object) =>
    (await space.data("keys.createKey", { apiId, credits })) as { keyId: string; key: string };
  const body = (keyId: string, operation: string, value?: number | null) => ({ keyId, operation, value });
  const change = (...of: Parameters<typeof body>) => space.data("keys.updateCredits", body(...of));
  const flaws = (...of: Parameters<typeof body>) => space.flaws("keys.updateCredits", body(...of));
  const verify = (key: string, cost = 1) => space.data("keys.verifyKey", { key, credits: { cost } });
  const stored = async (keyId: string) => (await space.data("keys.getKey", { keyId })).credits;

  test.each([
    ["keys.updateCredits", { operation: "increment", value: 1 }],
    ["keys.updateKey", { credits: { remaining: 3 } }],
  ])(
    "%s that waited for the balance over midnight does not refill it a second time",
    async (name, change) => {
      const { clock } = server;
      clock.advance(Date.UTC(2100, 0, 1) - 1 - clock.nowMs);
      const { keyId, key } = await create({ remaining: 0, refill: { interval: "daily", amount: 5 } });
      const reply = await whileHeld(server, space.id, keyId, {
        start: () => space.call(name, { keyId, ...change }),
        async before(tx) {
          clock.advance(2);
          const cost = creditsOnly(3);
          const spend = { workspaceId: space.id, subjectId: keyId, identityId: undefined, cost };
          const newId = () => server.services.newId("mov");
          expect(await spendAll(tx, [spend], () => clock.nowMs, newId)).toMatchObject([
            { isCharged: true, credits: { remaining: 2 } },
          ]);
        },
      });
      expect(reply.status).toBe(200);
      expect(await verify(key)).toMatchObject({ valid: true, credits: 2 });
      clock.advance(Date.UTC(2026, 0, 15, 12) - clock.nowMs);
    },
  );

  test("a spend that waited for the balance over midnight is granted what was refilled meanwhile", async () => {
    const { clock } = server;
    clock.advance(Date.UTC(2100, 0, 1) - 1 - clock.nowMs);
    const { keyId, key } = await create({ remaining: 0, refill: { interval: "daily", amount: 5 } });
    // caches the key, which a database in memory cannot read while `whileHeld` has a transaction open
    await verify(key, 0);
    const reply = await whileHeld(server, space.id, keyId, {
      start: () => space.call("keys.verifyKey", { key }),
      before: async () => clock.advance(2),
    });
    expect(reply.body.data).toMatchObject({ valid: true, credits: 4 });
    clock.advance(Date.UTC(2026, 0, 15, 12) - clock.nowMs);
  });

  test("sets, adds and takes away, and returns what is left", async () => {
    const { keyId, key } = await create({ remaining: 10 });
    expect(await change(keyId, "increment", 5)).toEqual({ remaining: 15 });
    expect(await change(keyId, "decrement", 3)).toEqual({ remaining: 12 });
    expect(await change(keyId, "set", 4)).toEqual({ remaining: 4 });
    expect(await verify(key)).toMatchObject({ valid: true, credits: 3 });
    expect(await change(keyId, "decrement", 100)).toEqual({ remaining: 0 });
    expect(await verify(key)).toMatchObject({ code: "USAGE_EXCEEDED", credits: 0 });
    expect(await change(keyId, "increment", 0)).toEqual({ remaining: 0 });
    expect(await change(keyId, "increment", 1)).toEqual({ remaining: 1 });
    expect(await verify(key)).toMatchObject({ valid: true, credits: 0 });
  });

  test.each([null, undefined])(
    "set with the value %p makes them unlimited, and the refill is gone",
    async (value) => {
      const { keyId, key } = await create({ remaining: 1, refill: { interval: "daily", amount: 5 } });
      expect(await change(keyId, "set", value)).toEqual({ remaining: null });
      expect(await stored(keyId)).toBeUndefined();
      expect(await verify(key, 1_000_000)).not.toHaveProperty("credits");
      expect(await change(keyId, "set", 3)).toEqual({ remaining: 3 });
      server.clock.advance(2 * 86_400_000);
      expect(await stored(keyId)).toEqual({ remaining: 3 });
    },
  );

  test("set, increment and decrement keep the refill", async () => {
    const refill = { interval: "monthly", amount: 5, refillDay: 31 };
    const { keyId } = await create({ remaining: 1, refill });
    expect(await change(keyId, "set", 7)).toEqual({ remaining: 7, refill });
    expect(await change(keyId, "increment", 1)).toEqual({ remaining: 8, refill });
    expect(await change(keyId, "decrement", 2)).toEqual({ remaining: 6, refill });
    expect(await stored(keyId)).toEqual({ remaining: 6, refill });
  });

  test("a refill that is due happens before credits are added or taken away", async () => {
    const { keyId } = await create({ remaining: 1, refill: { interval: "daily", amount: 50 } });
    server.clock.advance(86_400_000);
    expect(await change(keyId, "increment", 1)).toMatchObject({ remaining: 51 });
    server.clock.advance(86_400_000);
    expect(await change(keyId, "decrement", 1)).toMatchObject({ remaining: 49 });
    expect(await change(keyId, "decrement", 1)).toMatchObject({ remaining: 48 });
  });

  test("increment and decrement need an amount and limited credits", async () => {
    const { keyId } = await create({ remaining: 10 });
    const unlimited = await create();
    for (const operation of ["increment", "decrement"]) {
      expect(await flaws(keyId, operation)).toEqual(["body.value"]);
      expect(await flaws(keyId, operation, null)).toEqual(["body.value"]);
      expect(await flaws(keyId, operation, -1)).toEqual(["body.value"]);
      expect(await flaws(unlimited.keyId, operation, 1)).toEqual(["body.operation"]);
    }
    expect(await flaws(keyId, "Set", 1)).toEqual(["body.operation"]);
    expect(await stored(keyId)).toEqual({ remaining: 10 });
    expect(await stored(unlimited.keyId)).toBeUndefined();
  });

  test("the balance never goes beyond what a JSON integer holds", async () => {
    const { keyId } = await create({ remaining: 1 });
    expect(await change(keyId, "set", most)).toEqual({ remaining: most });
    expect(await flaws(keyId, "increment", 1)).toEqual(["body.value"]);
    expect(await change(keyId, "decrement", 1)).toEqual({ remaining: most - 1 });
    expect(await flaws(keyId, "increment", most)).toEqual(["body.value"]);
    expect(await change(keyId, "increment", 1)).toEqual({ remaining: most });
  });

  test("while 64 sockets spend and others add and take away, no credit is lost or granted twice", async () => {
    const { keyId, key } = await create({ remaining: 500 });
    let granted = 0;
    const spend = async () => {
      for (let i = 0; i < 3; i += 1) if ((await verify(key)).valid) granted += 1;
    };
    const alter = async (operation: string, value: number) => {
      for (let i = 0; i < 10; i += 1) await change(keyId, operation, value);
    };
    await Promise.all([
      ...Array.from({ length: 64 }, spend),
      alter("increment", 7),
      alter("decrement", 3),
      alter("increment", 2),
    ]);
    expect(granted).toBe(192); // all of them, since the first 500 credits suffice
    expect(await stored(keyId)).toEqual({ remaining: 500 + 70 - 30 + 20 - 192 });
  }, 20_000);

  test("adding to an empty balance under load grants exactly what was added", async () => {
    const { keyId, key } = await create({ remaining: 0 });
    let granted = 0;
    let over = false;
    const spend = async () => {
      while (!over) if ((await verify(key)).valid) granted += 1;
    };
    const spending = Array.from({ length: 32 }, spend);
    for (let i = 0; i < 10; i += 1) await change(keyId, "increment", 3);
    over = true;
    await Promise.all(spending);
    expect(granted + (await stored(keyId)).remaining).toBe(30);
  }, 20_000);

  test("a deleted key, and a key in an api where the caller may not change keys, are the same 404", async () => {
    const { keyId } = await create({ remaining: 5 });
    const rootKey = await space.keyWith("api.api_other.update_key", `api.${apiId}.read_key`);
    const hidden = await space.call("keys.updateCredits", body(keyId, "set", 9), { rootKey });
    expect(await stored(keyId)).toEqual({ remaining: 5 });
    await space.data("keys.deleteKey", { keyId });
    const gone = await space.call("keys.updateCredits", body(keyId, "set", 9));
    for (const { status, body } of [hidden, gone]) {
      expect([status, body.error]).toEqual([404, gone.body.error]);
    }
  });
});
