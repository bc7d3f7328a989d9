import { describe, expect, test } from "bun:test";
import { engines } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { openCaches } from "./caches.ts";

const limit = { name: "requests", limit: 1_000, duration: 60_000, autoApply: true };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);

  async function makeKeys(count: number, externalIdOf: (index: number) => string): Promise<string[]> {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const keys: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const externalId = externalIdOf(index);
      await space.call("identities.createIdentity", { externalId, ratelimits: [limit] });
      const { key } = await space.data("keys.createKey", { apiId, externalId, permissions: ["read"] });
      keys.push(server.services.hashKey(key));
    }
    return keys;
  }

  test("cached keys and the records that they share stay within the memory of the cache", async () => {
    const maxBytes = 40_000;
    const caches = openCaches(server.services.engine, maxBytes);
    for (const hash of await makeKeys(100, (index) => `user_${index}`)) {
      expect(await caches.keys.find(space.id, hash)).toBeDefined();
      expect(caches.keys.bytes()).toBeLessThanOrEqual(maxBytes);
    }
    expect(caches.keys.bytes()).toBeGreaterThan(maxBytes / 2);
    caches.clear();
    expect(caches.keys.bytes()).toBe(0);
  }, 30_000);

  test("keys of the same identity share one record of the identity, and keys with the same permissions share one set of permissions", async () => {
    const caches = openCaches(server.services.engine, 1_000_000);
    const [first = "", second = ""] = await makeKeys(2, () => "user");
    const one = await caches.keys.find(space.id, first);
    const other = await caches.keys.find(space.id, second);
    expect(one?.id).not.toBe(other?.id as string);
    expect(one?.identity).toBe(other?.identity as NonNullable<typeof other>["identity"]);
    expect(one?.access).toBe(other?.access as NonNullable<typeof other>["access"]);
    expect(one?.limits).toBe(other?.limits as NonNullable<typeof other>["limits"]);
  });
});
