import { describe, expect, test } from "bun:test";
import { explaining } from "../../../test/explaining.ts";
import { engines } from "../../../test/harness.ts";
import { dump } from "../../../test/tables.ts";
import { insertMigration } from "../../storage/queries/keys/migrations.ts";

describe.each(engines)("on $name,", (engine) => {
  const { server, space, apiId, createKey, explained } = explaining(engine);
  const iso = (ms: number) => new Date(ms).toISOString();

  describe("each refusal is explained:", () => {
    test("NOT_FOUND, with the fix to check the key and the workspace", async () => {
      expect(await explained({ key: "prod_nobody" })).toEqual({
        verdict: { valid: false, code: "NOT_FOUND" },
        at: server.clock.nowMs,
        checks: [
          {
            check: "found",
            passed: false,
            why: "There is no such key, or this root key may not read it.",
            fix: "Check that the key is complete, that it belongs to the workspace of this root key, and that this root key may read the keys of its api.",
          },
        ],
      });
    });

    test("NOT_FOUND of a deleted key, with the time and the audit event, also if its record was removed", async () => {
      for (const permanent of [false, true]) {
        const { key, keyId } = await createKey();
        await space.data("keys.deleteKey", { keyId, permanent });
        const deletedAt = server.clock.nowMs;
        server.clock.advance(1000);
        const { data: events } = (
          await space.call("audit.listEvents", { targetId: keyId, event: "key.delete" })
        ).body;
        const response = await explained({ keyId });
        expect(response.verdict).toEqual({ valid: false, code: "NOT_FOUND" });
        expect(response.checks).toEqual([
          {
            check: "found",
            passed: false,
            deletedAt,
            auditEventId: events[0].id,
            why: `The key was deleted at ${iso(deletedAt)}, see audit event ${events[0].id}.`,
            fix: "Create another key. A deleted key cannot be restored.",
          },
        ]);
        const byKey = await explained({ key });
        expect(byKey.checks[0].deletedAt).toBe(permanent ? undefined : deletedAt);
      }
    });

    test("NOT_FOUND of a key whose api was deleted, which is named", async () => {
      const { keyId } = await createKey();
      await space.data("apis.deleteApi", { apiId: apiId() });
      const { checks } = await explained({ keyId });
      expect(checks[0].why).toStartWith(
        `The key's api ${apiId()} was deleted at ${iso(server.clock.nowMs)}, see audit`,
      );
    });

    test("NOT_FOUND of a migrated key that waits for its first verification; with the right migration id, the key is found", async () => {
      const migrationId = server.services.newId("mig");
      const algorithm = "github.com/seamapi/prefixed-api-key";
      const migration = {
        id: migrationId,
        workspaceId: space.id,
        algorithm,
        nowMs: server.clock.nowMs,
      } as const;
      await server.services.engine.transaction((tx) => insertMigration(tx, migration));
      const hash = server.services.hashKey("51FwqftsmMDHHbJAMEXXHCgG");
      await space.data("keys.migrateKeys", { migrationId, apiId: apiId(), keys: [{ hash, enabled: false }] });
      const key = "my_company_BRTRKFsL_51FwqftsmMDHHbJAMEXXHCgG";
      const waiting = await explained({ key });
      expect(waiting).toMatchObject({ verdict: { code: "NOT_FOUND" }, keyId: expect.any(String) });
      expect(waiting.checks).toEqual([
        {
          check: "found",
          passed: false,
          migrationId,
          why: "The key was migrated, and its first verification must send the migration's id.",
          fix: `Send \`migrationId: "${migrationId}"\` with the whole key.`,
        },
      ]);
      const before = await dump(server.services.engine.db, space.id);
      const first = await explained({ key, migrationId });
      expect(first.verdict).toEqual({ valid: false, code: "DISABLED" });
      expect(await dump(server.services.engine.db, space.id)).toEqual(before);
      expect((await space.data("keys.verifyKey", { key, migrationId })).code).toBe("DISABLED");
      expect((await space.call("keys.explain", { key: "two_parts", migrationId })).body.error).toEqual(
        (await space.call("keys.verifyKey", { key: "two_parts", migrationId })).body.error,
      );
    });
  });

  test("a key in an api that the root key may not read looks like one that never existed, in whatever state it is", async () => {
    const { apiId: other } = await space.data("apis.createApi", { name: "other" });
    const rootKey = await space.keyWith(`api.${other}.read_key`);
    const asked = (body: object) => explained(body, { rootKey });
    const never = await asked({ keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" });
    for (const change of ["nothing", "keys.deleteKey", "gone"]) {
      const { key, keyId } = await createKey();
      if (change === "keys.deleteKey") await space.data(change, { keyId });
      if (change === "gone") await space.data("keys.deleteKey", { keyId, permanent: true });
      const keyHash = server.services.hashKey(key);
      for (const body of [{ key }, { keyId }, { keyHash }]) expect(await asked(body)).toEqual(never);
    }
  });
});
