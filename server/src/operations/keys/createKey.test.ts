import { beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { nested, statuses } from "../../../test/workspace.ts";

const limit = (name: string, more = {}) => ({ name, limit: 10, duration: 60_000, autoApply: false, ...more });
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const create = (body: object = {}, options = {}) =>
    space.call("keys.createKey", { apiId, ...body }, options);
  const made = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });
  const flaws = (body: object) => space.flaws("keys.createKey", { apiId, ...body });
  const verify = (key: string) => space.data("keys.verifyKey", { key });
  const makeRole = (name: string, permissions: string[] = []) =>
    space.data("permissions.createRole", { name, permissions });
  /** everything that the workspace stores, to show that a refused call leaves nothing behind */
  const state = () => dump(server.services.engine.db, space.id);

  test("every field is stored, and a verification returns it", async () => {
    await makeRole("editor", ["documents.write"]);
    const expires = server.clock.nowMs + 60_000;
    const { keyId, key, warnings } = await made({
      prefix: "prod",
      name: "Payments ✓",
      externalId: "user_123",
      meta: { team: "a", list: [1, null] },
      roles: ["editor"],
      permissions: ["documents.read"],
      expires,
      credits: { remaining: 7 },
      ratelimits: [limit("api", { autoApply: true }), limit("uploads")],
      enabled: true,
      byteLength: 32,
      recoverable: false,
    });
    expect(keyId).toMatch(/^key_[0-9A-Za-z]{22}$/);
    expect(warnings).toBeUndefined();
    const identity = await space.data("identities.getIdentity", { identity: "user_123" });
    expect(identity).toMatchObject({ meta: {}, ratelimits: [] });
    expect(await verify(key)).toEqual({
      valid: true,
      code: "VALID",
      keyId,
      keyspaceId: expect.stringMatching(/^ks_/),
      enabled: true,
      name: "Payments ✓",
      meta: { team: "a", list: [1, null] },
      expires,
      credits: 6,
      permissions: ["documents.read", "documents.write"],
      roles: ["editor"],
      identity,
      ratelimits: [expect.objectContaining({ name: "api", remaining: 9, autoApply: true })],
    });
    const { ratelimits } = await space.data("keys.getKey", { keyId });
    expect(ratelimits).toMatchObject([limit("api", { autoApply: true }), limit("uploads")]);
  });

  test("what is omitted in the request is omitted in responses: an unlimited key without an identity that never expires", async () => {
    const { keyId, key } = await made();
    const keyspaceId = expect.stringMatching(/^ks_/);
    expect(await verify(key)).toEqual({ valid: true, code: "VALID", keyId, keyspaceId, enabled: true });
    expect(await made({ meta: {} }).then((one) => verify(one.key))).not.toHaveProperty("meta");
  });

  test.each([16, 17, 32, 255])(
    "%p random bytes become a key of base58 characters only",
    async (byteLength) => {
      const { key } = await made({ byteLength });
      const expected = (byteLength * Math.log2(256)) / Math.log2(58);
      expect([...new Set(key)].filter((letter) => !base58.includes(letter as string))).toEqual([]);
      expect(key.length).toBeGreaterThan(expected - 4);
      expect(key.length).toBeLessThanOrEqual(Math.ceil(expected));
    },
  );

  test("a key begins with its prefix, and has 16 random bytes by default", async () => {
    const { keyId, key } = await made({ prefix: "prod_eu" });
    expect(key).toMatch(/^prod_eu_[1-9A-HJ-NP-Za-km-z]{18,22}$/);
    expect((await space.data("keys.getKey", { keyId })).start).toBe(key.slice(0, "prod_eu_".length + 4));
    expect((await made()).key).toMatch(/^[1-9A-HJ-NP-Za-km-z]{18,22}$/);
  });

  test("no two keys are equal, and only a hash of each is stored", async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, async () => (await made()).key as string));
    expect(new Set(keys).size).toBe(50);
    const stored = JSON.stringify(await state());
    for (const key of keys) expect(stored).not.toContain(key);
  });

  test("a key can be created disabled or expired", async () => {
    expect(await verify((await made({ enabled: false })).key)).toMatchObject({
      code: "DISABLED",
      enabled: false,
    });
    for (const expires of [0, 1, server.clock.nowMs - 1]) {
      expect(await verify((await made({ expires })).key)).toMatchObject({ code: "EXPIRED", expires });
    }
    expect(await verify((await made({ expires: 4_102_444_800_000 })).key)).toMatchObject({ code: "VALID" });
    expect(await flaws({ expires: 4_102_444_800_001 })).toEqual(["body.expires"]);
    expect(await flaws({ expires: 8.64e15 + 1 })).toEqual(["body.expires"]);
  });

  describe("an external id", () => {
    test("links the identity that has it, whose metadata and limits stay unchanged", async () => {
      const given = { meta: { plan: "pro" }, ratelimits: [limit("shared")] };
      await space.data("identities.createIdentity", { externalId: "user_123", ...given });
      const before = await space.data("identities.getIdentity", { identity: "user_123" });
      const { key } = await made({ externalId: "user_123", meta: { of: "the key" } });
      expect((await verify(key)).identity).toEqual(before);
      expect(await space.data("identities.getIdentity", { identity: "user_123" })).toEqual(before);
    });

    test("creates the identity once, however many keys name it at once", async () => {
      expect(await statuses(20, () => create({ externalId: "user_123" }))).toEqual({ 200: 20 });
      expect(await space.data("identities.listIdentities", {})).toHaveLength(1);
      const trail = (await space.audit()).map(({ event }) => event);
      expect(trail.filter((event) => event === "identity.create")).toHaveLength(1);
    });

    test("that is another identity's id is still an external id", async () => {
      const { identityId } = await space.data("identities.createIdentity", { externalId: "user_123" });
      const { key } = await made({ externalId: identityId });
      expect((await verify(key)).identity).toMatchObject({ externalId: identityId });
      expect((await verify(key)).identity.id).not.toBe(identityId);
    });
  });

  test("limits of the key that override its identity's are named in warnings", async () => {
    await space.data("identities.createIdentity", {
      externalId: "user_123",
      ratelimits: [limit("api"), limit("shared")],
    });
    const { warnings } = await made({ externalId: "user_123", ratelimits: [limit("own"), limit("api")] });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"api"');
    expect(await made({ externalId: "user_123", ratelimits: [limit("API")] })).not.toHaveProperty("warnings");
  });

  test("an expiry in the past is accepted with a warning, which says so if it looks like seconds", async () => {
    const { nowMs } = server.clock;
    const seconds = Math.floor(nowMs / 1000) + 86_400;
    const { key, warnings } = await made({ expires: seconds });
    expect(warnings).toEqual([
      expect.stringMatching(/^body\.expires is \d+, which is 1970-.*seconds.*milliseconds/),
    ]);
    expect(warnings[0]).toContain(`${seconds * 1000} is 2026-01-16T12:00:00.000Z`);
    expect(await verify(key)).toMatchObject({ code: "EXPIRED", expires: seconds });
    const past = (await made({ expires: nowMs - 1 })).warnings;
    expect(past).toEqual([expect.stringContaining("2026-01-15T11:59:59.999Z: the key has expired.")]);
    expect(past[0]).not.toContain("seconds");
    expect((await made({ expires: 0 })).warnings).toHaveLength(1);
    for (const expires of [nowMs, nowMs + 1]) expect(await made({ expires })).not.toHaveProperty("warnings");
  });

  test("permissions that do not exist are created, and one that is named twice counts once", async () => {
    const slugs = ["b:read", "a.*", "*", "b:read", "A.*"];
    const { key } = await made({ permissions: slugs });
    expect((await verify(key)).permissions).toEqual(["*", "A.*", "a.*", "b:read"]);
    const permissions = await space.data("permissions.listPermissions", {});
    expect(permissions.map((one: { slug: string }) => one.slug).sort()).toEqual([
      "*",
      "A.*",
      "a.*",
      "b:read",
    ]);
    const before = await space.data("permissions.listPermissions", {});
    await made({ permissions: ["a.*"] });
    expect(await space.data("permissions.listPermissions", {})).toEqual(before);
  });

  test("a role that is named twice counts once, and a permission held twice is returned once", async () => {
    await makeRole("editor", ["documents.read", "documents.write"]);
    await makeRole("Editor", ["documents.read"]);
    const { key } = await made({ roles: ["editor", "Editor", "editor"], permissions: ["documents.read"] });
    expect(await verify(key)).toMatchObject({
      roles: ["Editor", "editor"],
      permissions: ["documents.read", "documents.write"],
    });
  });

  test("a role that does not exist is a 404 that names it and leaves nothing behind", async () => {
    await makeRole("editor");
    const before = await state();
    for (const missing of ["Editor", "editor ", "nobody"]) {
      const reply = await create({
        roles: ["editor", missing],
        externalId: "new_user",
        permissions: ["new.permission"],
        credits: { remaining: 5 },
        ratelimits: [limit("api")],
      });
      expect(reply.status).toBe(404);
      expect(reply.body.error.type).toEndWith("/unkey/data/role_not_found");
      expect(reply.body.error.detail).toContain(JSON.stringify(missing));
    }
    expect(await state()).toEqual(before);
  });

  test("recoverable keys need a server with a recovery key", async () => {
    const before = await state();
    const reply = await create({ recoverable: true, externalId: "new_user" });
    expect(reply.status).toBe(412);
    expect(reply.body.error.type).toEndWith("/unkey/application/precondition_failed");
    expect(reply.body.error.detail).toEndWith("Set RECOVERY_KEY, or omit `recoverable`.");
    expect(await state()).toEqual(before);
  });

  test("recoverable keys need encrypt_key in their api: without it, a 403 names it", async () => {
    const RECOVERY_KEY = Buffer.alloc(32, 7).toString("base64");
    const equipped = await startTest({ engine, config: { RECOVERY_KEY } });
    const { apiId } = (await equipped.call("apis.createApi", { name: "payments" })).body.data;
    const body = { apiId, recoverable: true };
    const createWith = async (...permissions: string[]) =>
      equipped.call("keys.createKey", body, { rootKey: await equipped.makeRootKey(permissions) });
    const refused = await createWith("api.*.create_key", "api.api_other.encrypt_key");
    expect(refused.status).toBe(403);
    expect(refused.body.error.detail).toBe(
      'Missing one of these permissions: "api.<id>.encrypt_key" or "api.*.encrypt_key".',
    );
    expect((await createWith("api.*.create_key", `api.${apiId}.encrypt_key`)).status).toBe(200);
    await equipped.stop();
  });

  describe("credits", () => {
    test("may be 0, some or unlimited", async () => {
      expect(await verify((await made({ credits: { remaining: 0 } })).key)).toMatchObject({
        code: "USAGE_EXCEEDED",
        credits: 0,
      });
      expect(await verify((await made({ credits: { remaining: 2 ** 53 - 1 } })).key)).toMatchObject({
        credits: 2 ** 53 - 2,
      });
      expect(await verify((await made({ credits: { remaining: null } })).key)).not.toHaveProperty("credits");
    });

    test("that are unlimited cannot be refilled", async () => {
      const before = await state();
      const refill = { interval: "daily", amount: 5 };
      expect(await flaws({ credits: { remaining: null, refill }, externalId: "new_user" })).toEqual([
        "body.credits.refill",
      ]);
      expect(await state()).toEqual(before);
    });

    test.each([
      [
        { interval: "daily", amount: 5 },
        { interval: "daily", amount: 5 },
      ],
      [
        { interval: "monthly", amount: 5, refillDay: 31 },
        { interval: "monthly", amount: 5, refillDay: 31 },
      ],
      [
        { interval: "monthly", amount: 5 },
        { interval: "monthly", amount: 5, refillDay: 1 },
      ],
    ])("with the refill %j read back as %j", async (refill, read) => {
      const { keyId } = await made({ credits: { remaining: 3, refill } });
      expect((await space.data("keys.getKey", { keyId })).credits).toEqual({ remaining: 3, refill: read });
    });
  });

  test("meta and limits have the same bounds as those of an identity", async () => {
    expect((await create({ meta: nested(32) })).status).toBe(200);
    expect((await create({ meta: nested(33) })).status).toBe(400);
    expect(await flaws({ meta: { text: "x".repeat(65_536) } })).toEqual(["body.meta"]);
    expect(await flaws({ ratelimits: [limit("api"), limit("api")] })).toEqual(["body.ratelimits[1].name"]);
    const tooLong = [limit("api", { duration: 2_592_000_001 })];
    expect(await flaws({ ratelimits: tooLong })).toEqual(["body.ratelimits[0].duration"]);
  });

  test("what is invalid in the body itself is refused before the api is looked up", async () => {
    const wrong = [
      { meta: { text: "x".repeat(65_536) } },
      { ratelimits: [limit("api", { duration: 2_592_000_001 })] },
      { credits: { remaining: null, refill: { interval: "daily", amount: 5 } } },
    ];
    for (const body of wrong) expect((await create({ ...body, apiId: "api_none" })).status).toBe(400);
  });

  test("an api that is missing or deleted is a 404", async () => {
    const gone = await space.data("apis.createApi", { name: "gone" });
    await space.data("apis.deleteApi", { apiId: gone.apiId });
    for (const missing of [gone.apiId, "api_0000000000000000000000", "abc"]) {
      const reply = await create({ apiId: missing });
      expect(reply.status).toBe(404);
      expect(reply.body.error.type).toEndWith("/unkey/data/api_not_found");
    }
  });

  test("a root key for one api creates keys in that one; another looks as if it did not exist", async () => {
    const other = await space.data("apis.createApi", { name: "other" });
    const rootKey = await space.keyWith(`api.${apiId}.create_key`);
    expect((await create({}, { rootKey })).status).toBe(200);
    const hidden = await create({ apiId: other.apiId }, { rootKey });
    const missing = await create({ apiId: "api_0000000000000000000000" }, { rootKey });
    expect(hidden.status).toBe(404);
    expect({ ...hidden.body, meta: undefined }).toEqual({ ...missing.body, meta: undefined });
  });

  test("a root key that may create keys in no api gets a 403 that names the missing permission", async () => {
    const rootKey = await space.keyWith(`api.${apiId}.read_key`, "api.*.update_key");
    const reply = await create({}, { rootKey });
    expect(reply.status).toBe(403);
    expect(reply.body.error.detail).toContain('"api.*.create_key"');
  });

  test("the audit trail names all that was created, by ids and names of fields", async () => {
    const { keyId } = await made({
      externalId: "user_123",
      permissions: ["new.one"],
      ratelimits: [limit("api")],
      meta: { secret: "canary" },
    });
    const trail = await space.audit();
    const events = trail.map(({ event }) => event).sort();
    expect(events).toEqual([
      "api.create",
      "authorization.connect_permission_and_key",
      "identity.create",
      "key.create",
      "permission.create",
      "ratelimit.create",
    ]);
    expect(trail).toContainEqual({ event: "key.create", targetId: keyId, fields: [] });
    expect(JSON.stringify(trail)).not.toContain("canary");
  });

  test("a new key is valid at once, even if it was verified while it was being created", async () => {
    for (let i = 0; i < 20; i += 1) {
      const { key } = await made();
      expect(await verify(key)).toMatchObject({ valid: true });
    }
  });
});
