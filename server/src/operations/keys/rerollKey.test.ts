import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { whileHeld } from "../../../test/held.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";

const hourMs = 3_600_000;
const auto = (name: string, limit: number) => ({ name, limit, duration: 60_000, autoApply: true });

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({
    engine,
    config: { RECOVERY_KEY: Buffer.alloc(32, 7).toString("base64") },
  });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  type Made = { keyId: string; key: string };
  const create = (body: object = {}): Promise<Made> => space.data("keys.createKey", { apiId, ...body });
  const reroll = (keyId: string, expiration = hourMs): Promise<Made> =>
    space.data("keys.rerollKey", { keyId, expiration });
  const verify = (key: string, more = {}) => space.data("keys.verifyKey", { key, ...more });
  const code = async (key: string) => (await verify(key)).code as string;
  const read = (keyId: string, more = {}) => space.data("keys.getKey", { keyId, ...more });
  const expiresOf = async (keyId: string) => (await read(keyId)).expires as number | undefined;

  test("the new key has everything that the old one has, but its own secret, id and time of creation", async () => {
    await space.data("permissions.createRole", { name: "editor", permissions: ["documents.write"] });
    const old = await create({
      prefix: "prod_eu",
      name: "Payments",
      externalId: "user_1",
      meta: { a: [1] },
      roles: ["editor"],
      permissions: ["documents.read"],
      expires: server.clock.nowMs + 9 * hourMs,
      credits: { remaining: 10, refill: { interval: "monthly", amount: 20, refillDay: 15 } },
      ratelimits: [auto("api", 10), auto("uploads", 5)],
      enabled: false,
    });
    const before = await read(old.keyId);
    server.clock.advance(1_000);
    const made = await reroll(old.keyId);
    expect(Object.keys(made).sort()).toEqual(["key", "keyId"]);
    const after = await read(made.keyId);
    expect(after).toEqual({
      ...before,
      keyId: made.keyId,
      createdAt: server.clock.nowMs,
      start: made.key.slice(0, "prod_eu_".length + 4),
      ratelimits: before.ratelimits.map((limit: object) => ({ ...limit, id: expect.stringMatching(/^rl_/) })),
    });
    const ids = [...before.ratelimits, ...after.ratelimits].map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(4);
    expect([made.keyId, made.key]).not.toContain(old.keyId);
    expect(made.key).not.toBe(old.key);
  });

  test.each([16, 32, 255])(
    "prefix and length are kept: of %p bytes, with a prefix that has a _",
    async (byteLength) => {
      const plain = await create({ byteLength });
      const prefixed = await create({ byteLength, prefix: "a_b_c" });
      for (const old of [plain, prefixed]) {
        const first = await reroll(old.keyId);
        const second = await reroll(first.keyId);
        for (const { key } of [first, second]) {
          expect(key.startsWith("a_b_c_")).toBe(old === prefixed);
          expect(Math.abs(key.length - old.key.length)).toBeLessThanOrEqual(3);
        }
      }
    },
  );

  test("if a key is rerolled twice within its grace period, the second new key gets its original expiry, not the shortened one", async () => {
    const never = await create();
    const later = await create({ expires: server.clock.nowMs + 9 * hourMs });
    for (const old of [never, later]) {
      const { expires } = await read(old.keyId);
      for (const expiration of [3_000, hourMs, 0]) {
        expect(await expiresOf((await reroll(old.keyId, expiration)).keyId)).toBe(expires);
      }
    }
    const set = await create();
    await reroll(set.keyId, 3_000);
    const given = server.clock.nowMs + 2 * hourMs;
    await space.data("keys.updateKey", { keyId: set.keyId, expires: given });
    expect(await expiresOf((await reroll(set.keyId, 3_000)).keyId)).toBe(given);
  });

  test("if several rerolls end a key at once, exactly one succeeds, even on a node whose clock is behind", async () => {
    const { keyId } = await create();
    const end = () => space.call("keys.rerollKey", { keyId, expiration: 0 });
    expect(await statuses(8, end)).toEqual({ 200: 1, 412: 7 });
    server.clock.set(-hourMs);
    expect((await end()).status).toBe(412);
    server.clock.set(hourMs);
    expect((await end()).status).toBe(412);
  });

  test("a reroll that waited for the key's row lock decides by the time at which it got the lock", async () => {
    const { keyId } = await create({ expires: server.clock.nowMs + 1_000 });
    const reply = await whileHeld(server, space.id, keyId, {
      start: () => space.call("keys.rerollKey", { keyId, expiration: 0 }),
      before: async () => server.clock.advance(1_001),
    });
    expect(reply.status).toBe(412);
  });

  test("both keys share one balance, whichever of them is changed, refilled or spent from", async () => {
    const old = await create({ credits: { remaining: 10, refill: { interval: "daily", amount: 100 } } });
    expect((await verify(old.key)).credits).toBe(9);
    const made = await reroll(old.keyId, 48 * hourMs);
    expect((await verify(made.key)).credits).toBe(8);
    expect((await verify(old.key)).credits).toBe(7);
    const { keyId } = old;
    await space.data("keys.updateCredits", { keyId, operation: "increment", value: 5 });
    expect((await read(made.keyId)).credits.remaining).toBe(12);
    await space.data("keys.updateCredits", { keyId: made.keyId, operation: "set", value: 2 });
    expect((await read(keyId)).credits.remaining).toBe(2);
    server.clock.advance(24 * hourMs);
    expect((await verify(made.key)).credits).toBe(99);
    expect((await verify(old.key)).credits).toBe(98);
    const third = await reroll(made.keyId);
    expect((await verify(third.key)).credits).toBe(97);
  });

  test("one balance is spent exactly once by callers of both keys at once", async () => {
    const old = await create({ credits: { remaining: 50 } });
    const made = await reroll(old.keyId);
    const responses = await Promise.all(
      Array.from({ length: 120 }, (_, index) => code(index % 2 === 0 ? old.key : made.key)),
    );
    expect(responses.filter((one) => one === "VALID")).toHaveLength(50);
    expect((await read(made.keyId)).credits.remaining).toBe(0);
  });

  test("unlimited credits that are limited later are limited for both", async () => {
    const old = await create();
    const made = await reroll(old.keyId);
    expect([await code(old.key), await code(made.key)]).toEqual(["VALID", "VALID"]);
    await space.data("keys.updateCredits", { keyId: made.keyId, operation: "set", value: 1 });
    expect([await code(old.key), await code(made.key)]).toEqual(["VALID", "USAGE_EXCEEDED"]);
    await space.data("keys.updateKey", { keyId: old.keyId, credits: null });
    expect(await verify(made.key)).not.toHaveProperty("credits");
  });

  test("the balance lives as long as one of its keys", async () => {
    const old = await create({ credits: { remaining: 5 } });
    const made = await reroll(old.keyId);
    await space.data("keys.deleteKey", { keyId: old.keyId, permanent: true });
    expect((await verify(made.key)).credits).toBe(4);
    await space.data("keys.deleteKey", { keyId: made.keyId, permanent: true });
    const rows = await server.services.engine.db
      .selectFrom("balances")
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    expect(rows).toEqual([]);
  });

  test("both keys count in the same windows", async () => {
    const old = await create({ ratelimits: [auto("api", 3)] });
    expect(await code(old.key)).toBe("VALID");
    const made = await reroll(old.keyId);
    expect((await verify(made.key)).ratelimits[0].remaining).toBe(1);
    expect((await verify(old.key)).ratelimits[0].remaining).toBe(0);
    expect([await code(made.key), await code(old.key)]).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
  });

  describe("the old key", () => {
    test("stays usable for exactly the requested milliseconds, and the new one beyond", async () => {
      const old = await create();
      const made = await reroll(old.keyId, 5_000);
      expect(await expiresOf(old.keyId)).toBe(server.clock.nowMs + 5_000);
      server.clock.advance(5_000);
      expect(await code(old.key)).toBe("VALID");
      server.clock.advance(1);
      expect([await code(old.key), await code(made.key)]).toEqual(["EXPIRED", "VALID"]);
      expect(await expiresOf(made.keyId)).toBeUndefined();
    });

    test("is refused at once with an expiration of 0, even if it was just verified", async () => {
      const old = await create();
      expect(await code(old.key)).toBe("VALID");
      const made = await reroll(old.keyId, 0);
      expect([await code(old.key), await code(made.key)]).toEqual(["EXPIRED", "VALID"]);
    });

    test("never gets an expiry that no key can be given", async () => {
      const old = await create();
      const most = 4_102_444_800_000;
      await reroll(old.keyId, most);
      const expires = await expiresOf(old.keyId);
      expect(expires).toBe(most);
      expect((await space.call("keys.updateKey", { keyId: old.keyId, expires })).status).toBe(200);
    });

    test("never outlives its own expiry", async () => {
      const expires = server.clock.nowMs + 1_000;
      const old = await create({ expires });
      const made = await reroll(old.keyId, hourMs);
      expect([await expiresOf(old.keyId), await expiresOf(made.keyId)]).toEqual([expires, expires]);
      const sooner = await reroll(made.keyId, 10);
      expect(await expiresOf(made.keyId)).toBe(server.clock.nowMs + 10);
      expect(await expiresOf(sooner.keyId)).toBe(expires);
    });

    test("that has expired cannot be rerolled, and trying does not make it valid again", async () => {
      const expires = server.clock.nowMs + 1_000;
      const old = await create({ expires });
      server.clock.advance(1_000);
      const atLast = await reroll(old.keyId);
      server.clock.advance(1);
      for (const { keyId } of [old, atLast]) {
        const reply = await space.call("keys.rerollKey", { keyId, expiration: hourMs });
        expect(reply.status).toBe(412);
        expect(reply.body.error.type).toEndWith("/unkey/application/precondition_failed");
        expect(await expiresOf(keyId)).toBe(expires);
      }
      expect(await code(old.key)).toBe("EXPIRED");
    });

    test("can be rerolled again while it is valid", async () => {
      const old = await create({ credits: { remaining: 9 } });
      expect(
        await statuses(5, () => space.call("keys.rerollKey", { keyId: old.keyId, expiration: hourMs })),
      ).toEqual({ 200: 5 });
      expect(await space.data("apis.listKeys", { apiId })).toHaveLength(6);
    });
  });

  test("a recoverable key is replaced with a recoverable one, for callers that may encrypt", async () => {
    const old = await create({ recoverable: true, prefix: "prod" });
    const rootKey = await space.keyWith("api.*.create_key", "api.*.read_key", "api.*.decrypt_key");
    const body = { keyId: old.keyId, expiration: hourMs };
    const refused = await space.call("keys.rerollKey", body, { rootKey });
    expect(refused.status).toBe(403);
    expect(refused.body.error.detail).toContain("encrypt_key");
    expect(await space.data("apis.listKeys", { apiId })).toHaveLength(1);
    const made = await reroll(old.keyId);
    expect((await read(made.keyId, { decrypt: true })).plaintext).toBe(made.key);
    expect((await read(old.keyId, { decrypt: true })).plaintext).toBe(old.key);
    const plain = await reroll((await create()).keyId);
    expect(await read(plain.keyId, { decrypt: true })).not.toHaveProperty("plaintext");
  });

  test("a deleted key, and a key in an api where the caller may not create keys, are the same 404", async () => {
    const old = await create();
    const rootKey = await space.keyWith("api.api_other.create_key", `api.${apiId}.update_key`);
    const hidden = await space.call("keys.rerollKey", { keyId: old.keyId, expiration: 0 }, { rootKey });
    await space.data("keys.deleteKey", { keyId: old.keyId });
    const gone = await space.call("keys.rerollKey", { keyId: old.keyId, expiration: 0 });
    for (const { status, body } of [hidden, gone]) {
      expect([status, body.error]).toEqual([404, gone.body.error]);
    }
  });

  test("the audit trail has both ids, and no secret", async () => {
    const old = await create();
    const made = await reroll(old.keyId);
    const trail = (await space.audit()).slice(-2);
    expect(trail).toEqual([
      { event: "key.create", targetId: made.keyId, fields: [] },
      { event: "key.reroll", targetId: old.keyId, fields: ["expires"] },
    ]);
  });
});
