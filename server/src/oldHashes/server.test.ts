/** Servers with imported keys: as the documentation shows, under a flood of guesses, and during a move. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startTest, type TestServer } from "../../test/harness.ts";
import { importCsv } from "../../test/importForeign.ts";
import { bcrypt, csv, hashes, storedKey } from "../../test/oldHashes.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { stoppedAfterTest } from "../../test/setUp.ts";
import { startAfter, startUpstream, verdict } from "../../test/upstream.ts";

const kept = stoppedAfterTest();

async function onlyKey(server: TestServer): Promise<string> {
  return (await server.services.engine.db.selectFrom("keys").select("id").executeTakeFirstOrThrow()).id;
}

describe("a server", () => {
  test("verifies the keys of the documentation's example after it is imported", async () => {
    const page = readFileSync(join(import.meta.dir, "../../../docs/moving/other-hashes.md"), "utf8");
    const [, text = ""] = /^```csv\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const server = kept(await startTest({ config: { IMPORTED_HMAC_SECRET: "our-pepper" } }));
    const report = await importCsv({ server, workspaceId: server.workspaceId }, text);
    expect(report).toMatchObject({ notes: [], refusals: [], counts: { key: { created: 5 } } });
    const keys = [...page.matchAll(/`(acme_\w+key)`/g)].map(([, key]) => key);
    expect(keys).toHaveLength(5);
    for (const key of keys) {
      const { body } = await server.call("keys.verifyKey", { key });
      expect([key, body.data?.code]).toEqual([key, "VALID"]);
    }
  });

  test("returns 503 to guesses if there are too many, and still decides about ordinary keys", async () => {
    const server = kept(await startTest());
    const into = { server, workspaceId: server.workspaceId };
    await importCsv(into, csv([{ key: "sk_busy_1", hash: bcrypt("sk_busy_1", "b", 8) }]));
    const { apiId } = (await server.call("apis.createApi", { name: "ordinary" })).body.data;
    const { key } = (await server.call("keys.createKey", { apiId })).body.data;
    const guesses = Array.from({ length: 20 }, (_, index) =>
      server.call("keys.verifyKey", { key: `sk_busy_${index}x` }),
    );
    const ordinary = await server.call("keys.verifyKey", { key });
    expect(ordinary.body.data.code).toBe("VALID");
    const replies = await Promise.all(guesses);
    const refused = replies.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(10);
    for (const reply of refused) {
      expectRefusal(reply, "hashing_busy");
      expect(reply.headers.get("retry-after")).toBe("1");
    }
    const decided = replies.filter(({ status }) => status === 200);
    expect(decided.map(({ body }) => body.data.code)).toEqual(decided.map(() => "NOT_FOUND"));
    const batch = await server.call("keys.verifyKeys", [{ key }, { key: "sk_busy_1" }]);
    expect(batch.body.data).toMatchObject([{ data: { code: "VALID" } }, { data: { code: "VALID" } }]);
  });

  test("without the secret of an HMAC does not find the key, and explain says why", async () => {
    const server = kept(await startTest());
    const key = "sk_hmac_1";
    const [hash = "", algorithm] = hashes["hmac-sha256"]?.(key) ?? [];
    const workspaceId = server.workspaceId;
    await importCsv({ server, workspaceId }, csv([{ key, hash, algorithm }]));
    expect((await server.call("keys.verifyKey", { key })).body.data.code).toBe("NOT_FOUND");
    const keyId = await onlyKey(server);
    const { checks } = (await server.call("keys.explain", { keyId })).body.data;
    expect(checks).toMatchObject([{ check: "found", passed: false }]);
    expect(checks[0].fix).toContain("IMPORTED_HMAC_SECRET");
  });

  test.each(["fallback", "shadow"] as const)(
    "in %s mode recognizes a key by its imported hash, without the upstream",
    async (mode) => {
      const asked: string[] = [];
      let keyId = "";
      const upstream = kept(
        startUpstream((_, body) => {
          asked.push(JSON.parse(body).key);
          return verdict({ valid: true, code: "VALID", keyId });
        }),
      );
      const server = kept(
        await startAfter({ name: "sqlite in memory", url: () => ":memory:" }, upstream.url, mode),
      );
      const key = "sk_both_1";
      const report = await importCsv(
        { server, workspaceId: server.workspaceId },
        csv([{ key, hash: bcrypt(key) }]),
      );
      expect(report.refusals).toEqual([]);
      keyId = await onlyKey(server);
      expect((await server.call("keys.verifyKey", { key })).body.data).toMatchObject({
        code: "VALID",
        keyId,
      });
      expect((await storedKey(server, keyId)).pendingMigrationId).toBeNull();
      expect(asked).toEqual(mode === "shadow" ? [key] : []);
    },
  );
});
