import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

describe.each(engines)("on $name, an IP allow-list", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });
  const codeOf = async (key: string, ip?: string, body: object = {}) =>
    (await space.data("keys.verifyKey", { key, ...(ip === undefined ? {} : { ip }), ...body })).code;

  test("of a key refuses every other address, and a verification without one, as FORBIDDEN", async () => {
    const { key } = await createKey({ ipAllowList: ["192.0.2.0/24", "2001:db8::1"] });
    const allowed = ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.1", "::ffff:c000:0201", "2001:DB8:0:0::1"];
    for (const ip of allowed) expect([ip, await codeOf(key, ip)]).toEqual([ip, "VALID"]);
    const others = ["192.0.3.0", "::192.0.2.1", "2001:db8::2", "::1", undefined];
    for (const ip of others) expect([ip, await codeOf(key, ip)]).toEqual([ip, "FORBIDDEN"]);
  });

  test("of an api holds for all of its keys, and if a key has one too, both must have the address", async () => {
    const [plain, listed] = [
      await createKey(),
      await createKey({ ipAllowList: ["192.0.2.7", "198.51.100.1"] }),
    ];
    expect(await codeOf(plain.key)).toBe("VALID");
    await space.data("apis.updateApi", { apiId, ipAllowList: ["192.0.2.0/24"] });
    expect(await codeOf(plain.key)).toBe("FORBIDDEN");
    expect(await codeOf(plain.key, "192.0.2.8")).toBe("VALID");
    expect(await codeOf(listed.key, "192.0.2.7")).toBe("VALID");
    expect(await codeOf(listed.key, "192.0.2.8")).toBe("FORBIDDEN");
    expect(await codeOf(listed.key, "198.51.100.1")).toBe("FORBIDDEN");
    await space.data("apis.updateApi", { apiId, ipAllowList: null });
    expect(await codeOf(plain.key)).toBe("VALID");
    expect(await codeOf(listed.key, "198.51.100.1")).toBe("VALID");
  });

  test("is judged after the expiry and before the permissions, and a refusal counts and spends nothing", async () => {
    const limit = { name: "requests", limit: 5, duration: 60_000, autoApply: true };
    const set = { ipAllowList: ["192.0.2.1"], credits: { remaining: 5 }, ratelimits: [limit] };
    const { key, keyId } = await createKey(set);
    expect(await codeOf(key, "192.0.2.2", { permissions: "admin" })).toBe("FORBIDDEN");
    expect(await codeOf(key, "192.0.2.1", { permissions: "admin" })).toBe("INSUFFICIENT_PERMISSIONS");
    expect(await space.data("keys.getState", { keyId })).toMatchObject({
      credits: { remaining: 5 },
      ratelimits: [{ used: 0 }],
    });
    const expired = await createKey({ ...set, expires: server.clock.nowMs - 1 });
    expect(await codeOf(expired.key, "192.0.2.2")).toBe("EXPIRED");
  });

  test("is stored in canonical form, each entry once, and returned with the key and the api", async () => {
    const given = ["192.0.2.1/32", "192.0.2.1", "2001:DB8::/32", "::ffff:10.0.0.0/104"];
    const ipAllowList = ["192.0.2.1", "2001:db8::/32", "10.0.0.0/8"];
    const { keyId } = await createKey({ ipAllowList: given });
    expect((await space.data("keys.getKey", { keyId })).ipAllowList).toEqual(ipAllowList);
    const updated = await space.data("apis.updateApi", { apiId, ipAllowList: given });
    expect(updated.ipAllowList).toEqual(ipAllowList);
    expect((await space.data("apis.getApi", { apiId })).ipAllowList).toEqual(ipAllowList);
    expect((await space.data("apis.listKeys", { apiId }))[0].ipAllowList).toEqual(ipAllowList);
    await space.data("keys.updateKey", { keyId, ipAllowList: ["192.0.2.9"] });
    expect((await space.data("keys.getKey", { keyId })).ipAllowList).toEqual(["192.0.2.9"]);
    await space.data("keys.updateKey", { keyId, name: "other" });
    expect((await space.data("keys.getKey", { keyId })).ipAllowList).toEqual(["192.0.2.9"]);
    await space.data("keys.updateKey", { keyId, ipAllowList: null });
    expect((await space.data("keys.getKey", { keyId })).ipAllowList).toBeUndefined();
  });

  test("is kept by a reroll, and by each entry of a batch of verifications", async () => {
    const { keyId } = await createKey({ ipAllowList: ["192.0.2.1"] });
    const { key } = await space.data("keys.rerollKey", { keyId, expiration: 0 });
    const entries = ["192.0.2.1", "192.0.2.2"].map((ip) => ({ key, ip }));
    const { body } = await space.call("keys.verifyKeys", entries);
    expect(JSON.stringify(body.data)).toMatch(/"VALID".*"FORBIDDEN"/);
  });

  test("refuses what is not an address or a range, each place with its fix, and an empty list", async () => {
    const ipAllowList = ["192.0.2.1", "10.1.2.3/8", "fe80::1%eth0", "localhost"];
    for (const [operation, body] of [
      ["keys.createKey", { apiId }],
      ["keys.updateKey", { keyId: (await createKey()).keyId }],
      ["apis.updateApi", { apiId }],
    ] as const) {
      const reply = await space.call(operation, { ...body, ipAllowList });
      expect([operation, reply.status]).toEqual([operation, 400]);
      expect(reply.body.error.errors).toEqual([
        {
          location: "body.ipAllowList[1]",
          message: "has bits set beyond its prefix",
          fix: "send 10.0.0.0/8",
        },
        {
          location: "body.ipAllowList[2]",
          message: "has a zone id",
          fix: "send the address without the `%` and what follows it",
        },
        {
          location: "body.ipAllowList[3]",
          message: "is not an IP address or CIDR range",
          fix: "send an address or a range, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
        },
      ]);
      expect(await space.flaws(operation, { ...body, ipAllowList: [] })).toEqual(["body.ipAllowList"]);
      const tooMany = Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`);
      expect(await space.flaws(operation, { ...body, ipAllowList: tooMany })).toEqual(["body.ipAllowList"]);
    }
    const { key } = await createKey();
    for (const ip of ["localhost", "192.0.2.1:80", "fe80::1%eth0", "192.0.2.0/24"]) {
      expect(await space.flaws("keys.verifyKey", { key, ip })).toEqual(["body.ip"]);
    }
  });
});
