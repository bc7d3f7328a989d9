import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const limit = (name: string, autoApply: boolean) => ({ name, limit: 5, duration: 60_000, autoApply });

describe.each(engines)("on $name, without autoApply,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const createKey = async () => {
    const { apiId } = await space.data("apis.createApi", { name: "api" });
    return space.data("keys.createKey", {
      apiId,
      credits: { remaining: 5 },
      permissions: ["documents.read"],
      ratelimits: [limit("requests", true), limit("uploads", false)],
    }) as Promise<{ key: string; keyId: string }>;
  };
  const verify = (key: string, more: object = {}) =>
    space.data("keys.verifyKey", { key, autoApply: false, ...more });

  test("a verification counts against no stored limit and spends no credits, and still judges the key", async () => {
    const { key, keyId } = await createKey();
    const verdict = await verify(key, { permissions: "documents.read" });
    expect(verdict).toMatchObject({ valid: true, credits: 5 });
    expect(verdict).not.toHaveProperty("ratelimits");
    expect(await verify(key, { permissions: "documents.write" })).toMatchObject({
      code: "INSUFFICIENT_PERMISSIONS",
    });
    const usual = await space.data("keys.verifyKey", { key });
    expect(usual).toMatchObject({ credits: 4, ratelimits: [{ name: "requests", remaining: 4 }] });
    await space.data("keys.updateKey", { keyId, enabled: false });
    expect(await verify(key)).toMatchObject({ code: "DISABLED" });
  });

  test("only the limits and the credits that the request names are used, and a cost that is omitted is 0", async () => {
    const { key } = await createKey();
    const named = await verify(key, { ratelimits: [{ name: "uploads", cost: 2 }], credits: { cost: 3 } });
    expect(named).toMatchObject({ credits: 2, ratelimits: [{ name: "uploads", remaining: 3 }] });
    const looked = await verify(key, { ratelimits: [{ name: "uploads" }, { name: "requests" }] });
    expect(looked.ratelimits).toMatchObject([
      { name: "uploads", remaining: 3 },
      { name: "requests", remaining: 5 },
    ]);
    expect(await verify(key, { ratelimits: [{ name: "uploads", cost: 4 }] })).toMatchObject({
      code: "RATE_LIMITED",
    });
    expect(await verify(key, { credits: { cost: 3 } })).toMatchObject({ code: "USAGE_EXCEEDED", credits: 2 });
  });

  test("the explanation has only the limits that the request names", async () => {
    const { keyId } = await createKey();
    const ask = { keyId, autoApply: false, ratelimits: [{ name: "uploads", cost: 6 }] };
    const { verdict, checks } = await space.data("keys.explain", ask);
    expect(verdict).toEqual({ valid: false, code: "RATE_LIMITED" });
    const counted = checks.filter(({ check }: { check: string }) => check === "ratelimit");
    expect(counted.map(({ name }: { name: string }) => name)).toEqual(["uploads"]);
  });
});
