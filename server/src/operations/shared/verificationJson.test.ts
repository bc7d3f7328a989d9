import { beforeEach, describe, expect, test } from "bun:test";
import { directCall } from "../../../test/directCall.ts";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { run } from "../../run.ts";
import { verifyKey } from "../keys/verifyKey.ts";

const limit = { limit: 3, duration: 60_000, autoApply: true };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });

  /** Verifies the key, and expects the JSON that would be sent to be equal to `JSON.stringify` of the response. */
  async function verify(key: string, more: object = {}): Promise<string> {
    const { data, written } = await run(server.services, verifyKey, directCall(space.id, { key, ...more }));
    const json = written?.json() ?? "";
    expect(json).toBe(JSON.stringify(data));
    return json;
  }

  test("the response to a hot key has the same JSON as its fields, whatever the outcome", async () => {
    const { key } = await createKey({
      externalId: "user_1",
      name: 'a\\key\n"',
      meta: { plan: "pro" },
      permissions: ["documents.read"],
      ratelimits: [
        { name: 'own"limit', ...limit },
        { name: "unused", ...limit, autoApply: false },
      ],
    });
    for (const expected of [true, true, true, false, false]) {
      expect(await verify(key)).toContain(`{"valid":${expected},`);
    }
    server.clock.advance(120_000);
    expect(await verify(key)).toContain('"remaining":2,');
    expect(await verify(key, { permissions: "documents.write" })).toContain("INSUFFICIENT_PERMISSIONS");
    expect(await verify(key, { ratelimits: [{ name: "unused" }] })).toContain('"name":"unused"');
    expect(await verify(key, { autoApply: false })).not.toContain('"remaining"');
    expect(await verify(key)).toContain('"remaining":0,');
  });

  test("credits, quotas and reservations are in it too", async () => {
    const { key } = await createKey({
      credits: { remaining: 3 },
      quotas: [{ name: "tokens", limit: 5, period: "month" }],
    });
    expect(await verify(key)).toContain('"credits":2');
    expect(await verify(key, { credits: { reserve: 1, ttl: 60_000 } })).toContain('"reservation":{');
    expect(await verify(key)).toContain('"credits":0');
    expect(await verify(key)).toContain("USAGE_EXCEEDED");
  });

  test("a change of a hot key, its identity or its limits is in the very next response", async () => {
    const ratelimits = [{ name: "shared", ...limit, limit: 100 }];
    await space.data("identities.createIdentity", { externalId: "user", ratelimits });
    const { key, keyId } = await createKey({ externalId: "user", name: "before" });
    const twice = async () => [await verify(key), await verify(key)];
    for (const json of await twice()) expect(json).toContain('"name":"before"');
    await space.data("keys.updateKey", { keyId, name: "after" });
    for (const json of await twice()) expect(json).toContain('"name":"after"');
    await space.data("identities.updateIdentity", { identity: "user", meta: { plan: "max" } });
    for (const json of await twice()) expect(json).toContain('"plan":"max"');
    const changed = [{ name: "shared", ...limit, limit: 7_777 }];
    await space.data("identities.updateIdentity", { identity: "user", ratelimits: changed });
    for (const json of await twice()) expect(json.split('"limit":7777')).toHaveLength(3);
  });
});
