/** Keys that were imported with a hash other than SHA-256, until their first verification and after it. */
import { describe, expect, test } from "bun:test";
import { engines, postgres, startTest, type TestEngine } from "../../test/harness.ts";
import { importCsv } from "../../test/importForeign.ts";
import { bcrypt, csv, hashes, hmacSecret, type Row, storedKey } from "../../test/oldHashes.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { stoppedAfterTest, testServer, testWorkspace } from "../../test/setUp.ts";
import { watchStatements } from "../../test/statements.ts";
import { countImportedKeys } from "../storage/queries/keys/waiting.ts";

const kept = stoppedAfterTest();

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config: { IMPORTED_HMAC_SECRET: hmacSecret } });
  const space = testWorkspace(server);

  const into = async () => {
    const { apiId } = await space.data("apis.createApi", { name: "moved" });
    return { server, workspaceId: space.id, apiId };
  };
  const bring = async (...rows: Row[]) => {
    const report = await importCsv(await into(), csv(rows));
    server.clock.advance(1_000);
    return report;
  };
  const verify = (key: string, more: object = {}) => space.data("keys.verifyKey", { key, ...more });
  const idOf = async (key: string) => {
    const rows = await server.services.engine.db
      .selectFrom("keys")
      .select("id")
      .where("workspaceId", "=", space.id)
      .where("name", "=", key)
      .execute();
    return rows[0]?.id ?? "";
  };

  test.each(Object.keys(hashes))(
    "a key with a hash of %s verifies, and has a SHA-256 from then on",
    async (name) => {
      const key = "sk_live_8Yk3vDbnXhq2Tn6";
      const [hash, algorithm] = hashes[name]?.(key) ?? [""];
      expect(await bring({ key, hash, algorithm })).toMatchObject({ notes: [], refusals: [] });
      expect(await verify(`${key}x`)).toEqual({ valid: false, code: "NOT_FOUND" });
      const { code, keyId } = await verify(key);
      expect([code, keyId]).toEqual(["VALID", await idOf(key)]);
      expect(await storedKey(server, keyId)).toEqual({
        hash: server.services.hashKey(key),
        pendingMigrationId: null,
      });
      expect((await verify(key)).code).toBe("VALID");
      const changes = (await space.audit()).filter(({ targetId }) => targetId === keyId);
      expect(changes).toEqual([{ event: "key.update", targetId: keyId, fields: ["hash"] }]);
    },
  );

  test("first verifications at the same moment replace the hash once, and all find the key", async () => {
    const key = "sk_many_8Yk3vDbnXhq2Tn6";
    await bring({ key, hash: bcrypt(key) });
    const other: TestEngine = { name: "the same", url: () => server.databaseUrl };
    const nodes = engine === postgres ? [server, kept(await startTest({ engine: other }))] : [server];
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        nodes.map((node) => node.call("keys.verifyKey", { key }, { rootKey: space.rootKey })),
      ).flat(),
    );
    const codes = replies.map(({ body }) => body.data?.code);
    expect(codes).toEqual(codes.map(() => "VALID"));
    const changes = (await space.audit()).filter(({ event }) => event === "key.update");
    expect(changes).toHaveLength(1);
  });

  test("keys that share a start are told apart", async () => {
    const keys = ["sk_same_one", "sk_same_two", "sk_same_three"];
    const others = Array.from({ length: 40 }, (_, index) => `sk_same_other_${index}`);
    await bring(
      ...keys.map((key) => ({ key, hash: bcrypt(key) })),
      ...others.map((key) => ({ key, hash: hashes["sha512"]?.(key)[0] ?? "", algorithm: "sha512" })),
    );
    for (const key of keys) expect((await verify(key)).keyId).toBe(await idOf(key));
  });

  test("of nine keys with a salted hash and one start, the ninth is refused", async () => {
    const keys = Array.from({ length: 9 }, (_, index) => `sk_nine_${index}`);
    const between = Array.from({ length: 300 }, (_, index) => `sk_more_${index}`);
    const rows = [
      ...keys.map((key) => ({ key, hash: bcrypt(key) })),
      // these are sorted between the nine keys, so that the nine are imported in several batches
      ...between.map((key) => ({ key, hash: hashes["sha512"]?.(key)[0] ?? "", algorithm: "sha512" })),
    ].sort((one, other) => (one.key.slice(8) < other.key.slice(8) ? -1 : 1));
    const place = await into();
    for (const dryRun of [true, false]) {
      const report = await importCsv({ ...place, dryRun }, csv(rows));
      expect([report.counts.key?.created, report.counts.key?.refused]).toEqual([308, 1]);
      expect(report.refusals[0]?.reason).toContain(
        "have the same start already: give these keys longer starts",
      );
    }
    const again = await importCsv(place, csv(rows));
    expect([again.counts.key?.unchanged, again.counts.key?.refused]).toEqual([308, 1]);
  });

  test("a salted hash without a start is refused, and one with a long start too", async () => {
    const key = "sk_start_1";
    for (const start of ["", "x".repeat(65)]) {
      expect(await bring({ key, hash: bcrypt(key), start })).toMatchObject({
        notes: [expect.stringContaining("start: must be the first 1 to 64 characters")],
      });
    }
  });

  test("a root key without permission for the api neither sees nor changes a waiting key", async () => {
    const keys = { digest: "sk_hide_1", salted: "sk_hide_2" };
    await bring(
      { key: keys.digest, hash: hashes["sha512"]?.(keys.digest)[0] ?? "", algorithm: "sha512" },
      { key: keys.salted, hash: bcrypt(keys.salted) },
    );
    const { apiId } = await space.data("apis.createApi", { name: "other" });
    const hidden = await space.keyWith(`api.${apiId}.verify_key`, `api.${apiId}.read_key`);
    const foreign = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
    for (const key of Object.values(keys)) {
      for (const rootKey of [hidden, foreign]) {
        expect((await space.data("keys.verifyKey", { key }, { rootKey })).code).toBe("NOT_FOUND");
        expectRefusal(await space.call("keys.whoami", { key }, { rootKey }), "key_not_found");
      }
      const keyId = await idOf(key);
      expect((await storedKey(server, keyId)).pendingMigrationId).toBe("oldHash");
      expect((await verify(key)).keyId).toBe(keyId);
    }
  });

  test("the batch, whoami and explain find a waiting key as a verification does", async () => {
    const keys = ["sk_find_1", "sk_find_2", "sk_find_3"] as const;
    await bring(...keys.map((key) => ({ key, hash: bcrypt(key) })));
    const batch = await space.data("keys.verifyKeys", [
      { key: keys[0] },
      { key: "sk_find_" },
      { key: keys[0] },
    ]);
    expect(batch.map((one: { data: { code: string } }) => one.data.code)).toEqual([
      "VALID",
      "NOT_FOUND",
      "VALID",
    ]);
    const reader = await space.keyWith("api.*.read_key");
    expect((await space.data("keys.whoami", { key: keys[1] }, { rootKey: reader })).keyId).toBe(
      await idOf(keys[1]),
    );
    const keyId = await idOf(keys[2]);
    const waiting = await space.data("keys.explain", { keyId });
    expect(waiting).toMatchObject({ verdict: { code: "VALID" }, at: server.clock.nowMs });
    expect(waiting.checks[0].why).toContain("bcrypt");
    expect((await space.data("keys.explain", { key: keys[2] })).keyId).toBe(keyId);
    expect((await space.data("keys.explain", { keyId })).checks[0].why).toBe("The key exists.");
  });

  test("a waiting key can be disabled, rerolled and deleted, and is then refused like any other", async () => {
    const keys = ["sk_mend_1", "sk_mend_2", "sk_mend_3"] as const;
    await bring(...keys.map((key) => ({ key, hash: bcrypt(key) })));
    await space.data("keys.updateKey", { keyId: await idOf(keys[0]), enabled: false });
    expect((await verify(keys[0])).code).toBe("DISABLED");
    await space.data("keys.rerollKey", { keyId: await idOf(keys[1]), expiration: 60_000 });
    expect((await verify(keys[1])).code).toBe("VALID");
    server.clock.advance(120_000);
    expect((await verify(keys[1])).code).toBe("EXPIRED");
    await space.data("keys.deleteKey", { keyId: await idOf(keys[2]) });
    expect((await verify(keys[2])).code).toBe("NOT_FOUND");
  });

  test("the state of the import counts waiting keys by their algorithm, and those that were recognized", async () => {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    const rows = [
      "sha512",
      "hmac-sha256",
      "hmac-sha512",
      "bcrypt 2a",
      "bcrypt 2b",
      "argon2i",
      "PBKDF2 as PHC",
    ].map((name) => {
      const key = `sk_${name.replaceAll(" ", "_")}`;
      const [hash = "", algorithm] = hashes[name]?.(key) ?? [];
      return { key, hash, algorithm };
    });
    const { apiId } = (await server.call("apis.createApi", { name: "moved" }, { rootKey })).body.data;
    await importCsv({ server, workspaceId, apiId }, csv(rows));
    const count = () => countImportedKeys(server.services.engine.slow, workspaceId);
    const waiting = { sha512: 1, "hmac-sha256": 1, "hmac-sha512": 1, bcrypt: 2, argon2: 1, pbkdf2: 1 };
    expect(await count()).toEqual({ learned: 0, waiting: 0, withoutStart: 0, underOldHash: waiting });
    await server.call("keys.verifyKey", { key: "sk_bcrypt_2a" }, { rootKey });
    expect(await count()).toMatchObject({ learned: 1, underOldHash: { ...waiting, bcrypt: 1 } });
  });

  test("if no key waits, unknown keys cost one more statement a second", async () => {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    let asked = 0;
    watchStatements(server.services.engine, ({ sql }) => {
      if (sql.includes("'oldHash'")) asked += 1;
    });
    for (const total of [1, 2]) {
      for (const key of ["sk_a", "sk_b"]) await server.call("keys.verifyKey", { key }, { rootKey });
      expect(asked).toBe(total);
      server.clock.advance(1_000);
    }
  });
});
