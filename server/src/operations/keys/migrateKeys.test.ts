import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { dump } from "../../../test/tables.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";
import { type Algorithm, insertMigration } from "../../storage/queries/keys/migrations.ts";

const prefixedApiKey = "github.com/seamapi/prefixed-api-key";
const digest = (text: string, form: "hex" | "base64" | "base64url" = "base64url") =>
  createHash("sha256").update(text).digest(form);

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let space: Workspace;
  let apiId: string;
  let plain: string;
  let prefixed: string;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    plain = await makeMigration("sha256");
    prefixed = await makeMigration(prefixedApiKey);
  });
  const makeMigration = async (algorithm: Algorithm) => {
    const id = server.services.newId("mig");
    const migration = { id, workspaceId: space.id, algorithm, nowMs: server.clock.nowMs };
    await server.services.engine.transaction((tx) => insertMigration(tx, migration));
    return id;
  };
  const migrate = (migrationId: string, keys: object[], options = {}) =>
    space.call("keys.migrateKeys", { migrationId, apiId, keys }, options);
  const migrated = async (migrationId: string, keys: object[]) => {
    const reply = await migrate(migrationId, keys);
    expect([reply.status, reply.body.error]).toEqual([200, undefined]);
    return reply.body.data as { migrated: { hash: string; keyId: string }[]; failed: string[] };
  };
  const verify = (key: string, more = {}, options = {}) =>
    space.data("keys.verifyKey", { key, ...more }, options);
  const state = () => dump(server.services.engine.db, space.id);

  test.each(["hex", "base64", "base64url"] as const)(
    "a key is identified by its SHA-256 in %s, needs no migrationId, and the response repeats the hash unchanged",
    async (form) => {
      const hash = digest("sk_live_first", form);
      const { migrated: made, failed } = await migrated(plain, [{ hash, name: "first" }]);
      expect(failed).toEqual([]);
      expect(made).toEqual([{ hash, keyId: expect.stringMatching(/^key_/) }]);
      const response = { code: "VALID", keyId: made[0]?.keyId, name: "first" };
      expect(await verify("sk_live_first")).toMatchObject(response);
      expect(await verify("sk_live_first", { migrationId: plain })).toMatchObject(response);
      expect(await verify("sk_live_First", { migrationId: plain })).toMatchObject({ code: "NOT_FOUND" });
    },
  );

  test("keys that have expired are migrated, and one warning covers all of them", async () => {
    const { nowMs } = server.clock;
    const seconds = Math.floor(nowMs / 1000);
    const expiries = [nowMs, seconds, undefined, nowMs - 1];
    const keys = expiries.map((expires, index) => ({ hash: digest(`k${index}`), expires }));
    const { body } = await migrate(plain, keys);
    expect(body.data.migrated).toHaveLength(4);
    expect(body.data.warnings).toEqual([
      expect.stringMatching(/^body\.keys\[1\]\.expires is .*seconds.* Other expired keys: 1\.$/),
    ]);
    const later = await migrate(plain, [{ hash: digest("later"), expires: nowMs }]);
    expect(later.body.data).not.toHaveProperty("warnings");
  });

  test("hex in capitals and base64 without its padding are the same hash", async () => {
    const hashes = [digest("a", "hex"), digest("a", "hex").toUpperCase(), digest("a", "base64"), digest("a")];
    const { migrated: made, failed } = await migrated(
      plain,
      hashes.map((hash) => ({ hash })),
    );
    expect(made.map(({ hash }) => hash)).toEqual([hashes[0] as string]);
    expect(failed).toEqual(hashes.slice(1));
  });

  test.each([
    ["too short", digest("a").slice(1)],
    ["too long", `${digest("a", "hex")}0`],
    ["of other characters", `${digest("a").slice(1)}!`],
    ["with bits beyond the 32 bytes", `${"A".repeat(42)}B`],
    ["of another length of hex", digest("a", "hex").slice(2)],
  ])("what is %s is no SHA-256, and is named by its place", async (_, hash) => {
    const body = { migrationId: plain, apiId, keys: [{ hash: digest("b") }, { hash }] };
    expect(await space.flaws("keys.migrateKeys", body)).toEqual(["body.keys[1].hash"]);
    expect(await space.data("apis.listKeys", { apiId })).toEqual([]);
  });

  test("a migrated key has everything that a key of our own can have", async () => {
    await space.data("permissions.createRole", { name: "editor", permissions: ["write"] });
    const expires = server.clock.nowMs + 60_000;
    const ratelimits = [{ name: "api", limit: 5, duration: 60_000, autoApply: true }];
    const item = {
      hash: digest("sk_1"),
      name: "one",
      externalId: "user_1",
      meta: { a: 1 },
      roles: ["editor"],
      permissions: ["read"],
      expires,
      credits: { remaining: 9, refill: { interval: "monthly", amount: 5 } },
      ratelimits,
    };
    const { migrated: made } = await migrated(plain, [item, { hash: digest("sk_2"), enabled: false }]);
    expect(await verify("sk_1")).toMatchObject({
      code: "VALID",
      name: "one",
      meta: { a: 1 },
      expires,
      roles: ["editor"],
      permissions: ["read", "write"],
      identity: { externalId: "user_1" },
      credits: 8,
      ratelimits: [{ name: "api", remaining: 4 }],
    });
    expect(await verify("sk_2")).toMatchObject({ code: "DISABLED" });
    const stored = await space.data("keys.getKey", { keyId: made[0]?.keyId });
    expect(stored.credits.refill).toEqual({ interval: "monthly", amount: 5, refillDay: 1 });
    expect(stored.start).toBe("");
  });

  test("hashes that the workspace already has are listed as failed, and nothing is stored for them", async () => {
    await migrated(plain, [{ hash: digest("a") }]);
    const { keyId } = (await migrated(plain, [{ hash: digest("b") }])).migrated[0] ?? {};
    await space.data("keys.deleteKey", { keyId });
    const before = await state();
    const more = { externalId: "new_user", permissions: ["new.one"], credits: { remaining: 1 } };
    const { migrated: made, failed } = await migrated(plain, [
      { hash: digest("a"), ...more },
      { hash: digest("b"), ...more },
    ]);
    expect([made, failed]).toEqual([[], [digest("a"), digest("b")]]);
    expect(await state()).toEqual(before);
    const both = await migrated(plain, [
      { hash: digest("c"), name: "1st" },
      { hash: digest("c"), name: "2nd" },
    ]);
    expect([both.migrated.length, both.failed]).toEqual([1, [digest("c")]]);
    expect(await verify("c")).toMatchObject({ name: "1st" });
  });

  test("a hash of another workspace does not conflict", async () => {
    await migrated(plain, [{ hash: digest("a"), name: "here" }]);
    const here = space;
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "theirs" }));
    const theirs = await migrated(await makeMigration("sha256"), [{ hash: digest("a"), name: "there" }]);
    expect(theirs.failed).toEqual([]);
    expect(await verify("a")).toMatchObject({ name: "there" });
    expect(await here.data("keys.verifyKey", { key: "a" })).toMatchObject({ name: "here" });
    expect((await migrate(plain, [{ hash: digest("b") }])).status).toBe(404);
  });

  test("if one item is invalid, no key is stored: a missing role, a refill of unlimited credits, a window that is too long", async () => {
    const before = await state();
    const good = { hash: digest("a"), externalId: "user_1", permissions: ["p"] };
    const role = await migrate(plain, [good, { hash: digest("b"), roles: ["nobody"] }]);
    expect([role.status, role.body.error.detail]).toEqual([404, expect.stringContaining('"nobody"')]);
    const flaws = (item: object) =>
      space.flaws("keys.migrateKeys", {
        migrationId: plain,
        apiId,
        keys: [good, { hash: digest("b"), ...item }],
      });
    const refill = { interval: "daily", amount: 1 };
    expect(await flaws({ credits: { remaining: null, refill } })).toEqual(["body.keys[1].credits.refill"]);
    const ratelimits = [{ name: "api", limit: 1, duration: 2_592_000_001 }];
    expect(await flaws({ ratelimits })).toEqual(["body.keys[1].ratelimits[0].duration"]);
    expect(await flaws({ meta: { text: "x".repeat(65_536) } })).toEqual(["body.keys[1].meta"]);
    expect(await state()).toEqual(before);
  });

  test("an api or a migration that is missing, or an api where the caller may not create keys, is a 404", async () => {
    const keys = [{ hash: digest("a") }];
    const elsewhere = await space.keyWith("api.api_other.create_key");
    expect((await migrate(plain, keys, { rootKey: elsewhere })).body.error.type).toEndWith("/api_not_found");
    expect((await migrate("mig_none", keys)).body.error.type).toEndWith("/migration_not_found");
    await space.data("apis.deleteApi", { apiId });
    expect((await migrate(plain, keys)).body.error.type).toEndWith("/api_not_found");
  });

  describe("a prefixed key", () => {
    const key = "my_company_BRTRKFsL_51FwqftsmMDHHbJAMEXXHCgG";
    const longToken = "51FwqftsmMDHHbJAMEXXHCgG";
    const bring = async (more = {}) => {
      const { migrated: made } = await migrated(prefixed, [{ hash: digest(longToken, "hex"), ...more }]);
      return made[0]?.keyId as string;
    };

    test("is identified by the hash of its long token until it is first verified, and then by its whole text", async () => {
      const keyId = await bring();
      expect(await verify(key)).toMatchObject({ code: "NOT_FOUND" });
      expect(await verify(key, { migrationId: plain })).toMatchObject({ code: "NOT_FOUND" });
      expect(await verify(key, { migrationId: "mig_none" })).toMatchObject({ code: "NOT_FOUND" });
      expect(await verify(key, { migrationId: prefixed })).toMatchObject({ code: "VALID", keyId });
      expect(await verify(key)).toMatchObject({ code: "VALID", keyId });
      expect((await space.data("keys.getKey", { keyId })).start).toBe("my_company_BRTR");
      expect((await space.data("keys.whoami", { key })).keyId).toBe(keyId);
      const other = key.replace("BRTRKFsL", "otherone");
      expect(await verify(other, { migrationId: prefixed })).toMatchObject({ code: "NOT_FOUND" });
    });

    test("is never found by its long token alone, not even before its first verification", async () => {
      await bring();
      expect(await verify(longToken)).toMatchObject({ code: "NOT_FOUND" });
      expect((await space.call("keys.whoami", { key: longToken })).status).toBe(404);
      expect(await verify(key, { migrationId: prefixed })).toMatchObject({ code: "VALID" });
      expect(await verify(longToken)).toMatchObject({ code: "NOT_FOUND" });
    });

    test("is rewritten once, however many callers verify it first", async () => {
      const keyId = await bring({ credits: { remaining: 50 } });
      const responses = await Promise.all(
        Array.from({ length: 20 }, () => verify(key, { migrationId: prefixed })),
      );
      expect(responses.map(({ code }) => code)).toEqual(Array(20).fill("VALID"));
      const trail = (await space.audit()).filter(({ event }) => event === "key.update");
      expect(trail).toEqual([{ event: "key.update", targetId: keyId, fields: ["hash", "start"] }]);
    });

    test("is not rewritten for a caller that may not verify it, to whom it looks missing", async () => {
      await bring();
      const rootKey = await space.keyWith("api.api_other.verify_key");
      const before = await state();
      expect(await verify(key, { migrationId: prefixed }, { rootKey })).toEqual({
        valid: false,
        code: "NOT_FOUND",
      });
      expect(await state()).toEqual(before);
    });

    test("with fewer than three parts is a 400 that does not repeat it", async () => {
      const reply = await space.call("keys.verifyKey", { key: "two_parts", migrationId: prefixed });
      expect(reply.status).toBe(400);
      expect(reply.body.error.type).toEndWith("/unkey/authentication/malformed");
      expect(reply.text).not.toContain("two_parts");
    });

    test("whose whole text hashes to that of a deleted key is not found: the hash is still in use", async () => {
      const { migrated: made } = await migrated(plain, [{ hash: digest(key) }]);
      await space.data("keys.deleteKey", { keyId: made[0]?.keyId });
      await bring();
      expect(await verify(key, { migrationId: prefixed })).toMatchObject({ code: "NOT_FOUND" });
    });

    test("that is deleted or disabled before its first verification stays deleted or disabled", async () => {
      const keyId = await bring({ enabled: false });
      expect(await verify(key, { migrationId: prefixed })).toMatchObject({ code: "DISABLED" });
      await space.data("keys.deleteKey", { keyId });
      expect(await verify(key, { migrationId: prefixed })).toMatchObject({ code: "NOT_FOUND" });
    });
  });

  test("a thousand keys are migrated in one call", async () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => ({ hash: digest(`bulk_${index}`) }));
    const { migrated: made, failed } = await migrated(plain, keys);
    expect([made.length, failed]).toEqual([1_000, []]);
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(1_000);
    expect(await verify("bulk_999")).toMatchObject({ code: "VALID", keyId: made[999]?.keyId });
  }, 20_000);
});
