import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";

const limit = (name: string, more = {}) => ({ name, limit: 10, duration: 60_000, autoApply: false, ...more });
const daily = (amount: number) => ({ interval: "daily", amount });

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    await space.data("permissions.createRole", { name: "editor", permissions: ["documents.write"] });
    ({ keyId, key } = await space.data("keys.createKey", {
      apiId,
      name: "first",
      externalId: "user_1",
      meta: { a: 1 },
      roles: ["editor"],
      permissions: ["documents.read"],
      expires: server.clock.nowMs + 60_000,
      credits: { remaining: 10, refill: daily(20) },
      ratelimits: [limit("api"), limit("uploads")],
    }));
    server.clock.advance(1);
  });
  const update = (body: object, options = {}) => space.call("keys.updateKey", { keyId, ...body }, options);
  const read = () => space.data("keys.getKey", { keyId });
  const state = () => dump(server.services.engine.db, space.id);
  /** sends this change, expects the response `{}`, and returns the changed key */
  const after = async (body: object) => {
    expect(await space.data("keys.updateKey", { keyId, ...body })).toEqual({});
    return read();
  };

  test("what is omitted stays unchanged, and only the time of the change is stored", async () => {
    const before = await read();
    expect(before).not.toHaveProperty("updatedAt");
    expect(await after({})).toEqual({ ...before, updatedAt: server.clock.nowMs });
  });

  test("an update of one field changes no other", async () => {
    const changes: [object, object][] = [
      [{ name: "second" }, { name: "second" }],
      [{ meta: { b: [null] } }, { meta: { b: [null] } }],
      [{ expires: 4_102_444_800_000 }, { expires: 4_102_444_800_000 }],
      [{ enabled: false }, { enabled: false }],
      [{ enabled: true }, { enabled: true }],
      [{ roles: [] }, { roles: undefined, permissions: ["documents.read"] }],
      [{ permissions: ["x"] }, { permissions: ["x"] }],
      [{ credits: { remaining: 3 } }, { credits: { remaining: 3, refill: daily(20) } }],
      [{ ratelimits: [] }, { ratelimits: undefined }],
    ];
    let expected = { ...(await read()), updatedAt: server.clock.nowMs };
    for (const [change, shows] of changes) {
      expected = { ...expected, ...shows };
      expect(await after(change)).toEqual(JSON.parse(JSON.stringify(expected)));
    }
  });

  test.each(["name", "meta", "expires", "credits"])("null clears %s", async (field) => {
    const { [field]: _, ...rest } = await read();
    expect(await after({ [field]: null })).toEqual({ ...rest, updatedAt: server.clock.nowMs });
  });

  test.each(["ratelimits", "enabled", "roles", "permissions", "keyId"])(
    "null is refused for %s",
    async (field) => {
      const before = await state();
      expect(await space.flaws("keys.updateKey", { keyId, [field]: null })).toEqual([`body.${field}`]);
      expect(await state()).toEqual(before);
    },
  );

  test("an external id links its identity, which is created if missing, and null unlinks it", async () => {
    expect((await after({ externalId: "user_2" })).identity).toMatchObject({
      externalId: "user_2",
      meta: {},
    });
    const given = { externalId: "user_3", meta: { plan: "pro" }, ratelimits: [limit("shared")] };
    await space.data("identities.createIdentity", given);
    const stored = await space.data("identities.getIdentity", { identity: "user_3" });
    expect((await after({ externalId: "user_3" })).identity).toEqual(stored);
    expect(await after({ externalId: null })).not.toHaveProperty("identity");
    expect(await space.data("identities.listIdentities", {})).toHaveLength(3);
  });

  describe("credits", () => {
    const credits = async (change: object | null) => (await after({ credits: change })).credits;

    test("that are omitted stay unchanged, and so does each omitted part of them", async () => {
      expect(await credits({})).toEqual({ remaining: 10, refill: daily(20) });
      expect(await credits({ remaining: 7 })).toEqual({ remaining: 7, refill: daily(20) });
      expect(await credits({ refill: daily(5) })).toEqual({ remaining: 7, refill: daily(5) });
      expect(await credits({ refill: { interval: "monthly", amount: 5 } })).toEqual({
        remaining: 7,
        refill: { interval: "monthly", amount: 5, refillDay: 1 },
      });
      expect(await credits({ refill: null })).toEqual({ remaining: 7 });
      expect(
        await credits({ remaining: 0, refill: { interval: "monthly", amount: 9, refillDay: 31 } }),
      ).toEqual({
        remaining: 0,
        refill: { interval: "monthly", amount: 9, refillDay: 31 },
      });
    });

    test("of null remaining are unlimited, and their refill is gone with them", async () => {
      expect(await credits({ remaining: null })).toBeUndefined();
      expect(await credits({ remaining: 1 })).toEqual({ remaining: 1 });
      expect(await credits(null)).toBeUndefined();
      server.clock.advance(2 * 86_400_000);
      expect(await credits({})).toBeUndefined();
    });

    test("that are or become unlimited cannot have a refill, and a call that asks for one changes nothing", async () => {
      const refused = async (change: object) => {
        const before = await state();
        const body = { keyId, name: "other", externalId: "new_user", credits: change };
        expect(await space.flaws("keys.updateKey", body)).toEqual(["body.credits.refill"]);
        expect(await state()).toEqual(before);
      };
      await refused({ remaining: null, refill: daily(5) });
      await after({ credits: null });
      await refused({ refill: daily(5) });
      await refused({ remaining: null, refill: daily(5) });
      expect(await credits({ refill: null })).toBeUndefined();
      expect(await credits({ remaining: 4, refill: daily(5) })).toEqual({ remaining: 4, refill: daily(5) });
    });

    test("take a day for monthly refills only", async () => {
      const daily = { interval: "daily", amount: 5, refillDay: 2 };
      expect(await space.flaws("keys.updateKey", { keyId, credits: { refill: daily } })).toEqual([
        "body.credits.refill.refillDay",
      ]);
    });

    test("that are spent while their refill changes are not granted twice", async () => {
      await after({ expires: null, credits: { remaining: 300, refill: daily(20) } });
      let granted = 0;
      const spend = async () => {
        for (let i = 0; i < 3; i += 1) {
          if ((await space.data("keys.verifyKey", { key })).valid) granted += 1;
        }
      };
      const change = async () => {
        for (let i = 0; i < 8; i += 1) {
          expect((await update({ credits: { refill: daily(30 + i) } })).status).toBe(200);
        }
      };
      await Promise.all([...Array.from({ length: 64 }, spend), change(), change()]);
      expect(granted).toBe(192);
      expect((await read()).credits.remaining).toBe(108);
    }, 20_000);
  });

  test("limits are replaced by name: those that stay keep their ids, in the order given", async () => {
    const [api, uploads] = (await read()).ratelimits;
    const changed = await after({
      ratelimits: [limit("new"), limit("uploads", { limit: 99, autoApply: true })],
    });
    expect(changed.ratelimits).toEqual([
      { id: expect.stringMatching(/^rl_/), ...limit("new") },
      { id: uploads.id, ...limit("uploads", { limit: 99, autoApply: true }) },
    ]);
    const back = await after({ ratelimits: [limit("api")] });
    expect(back.ratelimits[0].id).not.toBe(api.id);
    const twice = { keyId, ratelimits: [limit("api"), limit("api")] };
    expect(await space.flaws("keys.updateKey", twice)).toEqual(["body.ratelimits[1].name"]);
    expect(await read()).toEqual(back);
  });

  test("limits that override the identity's limits of the same name are named in a warning, but only when the limits or the identity change", async () => {
    const shared = { externalId: "user_2", ratelimits: [limit("api"), limit("other")] };
    await space.data("identities.createIdentity", shared);
    const { warnings } = await space.data("keys.updateKey", { keyId, externalId: "user_2" });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"api"');
    expect(await space.data("keys.updateKey", { keyId, enabled: true })).toEqual({});
    expect(await space.data("keys.updateKey", { keyId, ratelimits: [limit("own")] })).toEqual({});
    expect(
      (await space.data("keys.updateKey", { keyId, ratelimits: [limit("other")] })).warnings[0],
    ).toContain('"other"');
    expect(await space.data("keys.updateKey", { keyId, externalId: null })).toEqual({});
  });

  test("an expiry in the past is accepted with a warning, in addition to other warnings", async () => {
    const { nowMs } = server.clock;
    const expires = nowMs - 1;
    expect((await space.data("keys.updateKey", { keyId, expires })).warnings).toHaveLength(1);
    expect(await space.data("keys.updateKey", { keyId, name: "x" })).toEqual({});
    expect(await space.data("keys.updateKey", { keyId, expires: null })).toEqual({});
    await space.data("identities.createIdentity", { externalId: "user_2", ratelimits: [limit("api")] });
    const both = { keyId, externalId: "user_2", expires: Math.floor(nowMs / 1000) };
    const { warnings } = await space.data("keys.updateKey", both);
    expect(warnings).toEqual([
      expect.stringContaining("looks like seconds"),
      expect.stringContaining('"api"'),
    ]);
    expect(await read()).toMatchObject({ expires: both.expires });
  });

  test("roles and direct permissions are replaced as a whole, and new slugs are created", async () => {
    await space.data("permissions.createRole", { name: "viewer", permissions: ["documents.list"] });
    expect(await after({ roles: ["viewer", "viewer"] })).toMatchObject({
      roles: ["viewer"],
      permissions: ["documents.list", "documents.read"],
    });
    expect(await after({ permissions: ["b", "a", "b"] })).toMatchObject({
      permissions: ["a", "b", "documents.list"],
    });
    expect(await after({ permissions: [], roles: [] })).not.toHaveProperty("permissions");
  });

  test("a role that does not exist is a 404 that names it, and nothing is changed", async () => {
    const before = await state();
    const body = {
      name: "other",
      externalId: "new_user",
      credits: { remaining: 1 },
      permissions: ["new.one"],
    };
    const reply = await update({ ...body, ratelimits: [], roles: ["editor", "Editor"] });
    expect(reply.status).toBe(404);
    expect(reply.body.error.type).toEndWith("/unkey/data/role_not_found");
    expect(reply.body.error.detail).toContain('"Editor"');
    expect(await state()).toEqual(before);
  });

  test("a deleted key, a key of a deleted api, and a key in an api where the caller may not change keys are the same 404", async () => {
    const other = await space.data("apis.createApi", { name: "other" });
    const gone = await space.data("keys.createKey", { apiId });
    await space.data("keys.deleteKey", { keyId: gone.keyId });
    const orphan = await space.data("keys.createKey", { apiId: other.apiId });
    const rootKey = await space.keyWith("api.api_other.update_key", `api.${other.apiId}.update_key`);
    const refused = [
      await update({ keyId: "key_none", name: "other" }),
      await update({ keyId: gone.keyId, name: "other" }),
      await update({ name: "other" }, { rootKey }),
    ];
    expect((await update({ keyId: orphan.keyId, name: "other" }, { rootKey })).status).toBe(200);
    await space.data("apis.deleteApi", { apiId: other.apiId });
    refused.push(await update({ keyId: orphan.keyId, name: "other" }));
    for (const { status, body } of refused) {
      expect([status, body.error]).toEqual([404, refused[0]?.body.error]);
    }
    expect((await read()).name).toBe("first");
  });

  test("the trail names the fields that were given, never their values", async () => {
    await after({ name: "canary", meta: { of: "canary" }, expires: null });
    const trail = (await space.audit()).filter(({ event }) => event === "key.update");
    expect(trail).toEqual([{ event: "key.update", targetId: keyId, fields: ["name", "meta", "expires"] }]);
  });
});
