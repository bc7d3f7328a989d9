import { describe, expect, test } from "bun:test";
import { engines } from "./harness.ts";
import { testServer } from "./setUp.ts";

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });

  test("a second key is refused when the first has used up the limit that they share", async () => {
    const { call } = server;
    await call("identities.createIdentity", {
      externalId: "user_123",
      meta: { plan: "pro" },
      ratelimits: [{ name: "requests", limit: 1, duration: 60_000, autoApply: true }],
    });
    const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
    const first = (await call("keys.createKey", { apiId, externalId: "user_123" })).body.data.key;
    const second = (await call("keys.createKey", { apiId, externalId: "user_123" })).body.data.key;
    const passed = (await call("keys.verifyKey", { key: first })).body.data;
    expect(passed).toMatchObject({ valid: true, identity: { meta: { plan: "pro" } } });
    expect((await call("keys.verifyKey", { key: second })).body.data).toMatchObject({
      valid: false,
      code: "RATE_LIMITED",
    });
  });
});
