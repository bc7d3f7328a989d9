import { describe, expect, test } from "bun:test";
import { checkOf, explaining, failedOf } from "../../../test/explaining.ts";
import { engines } from "../../../test/harness.ts";

const minuteMs = 60_000;

describe.each(engines)("on $name,", (engine) => {
  const { server, space, apiId, createKey, explained } = explaining(engine);

  describe("by the id of a request,", () => {
    const verify = async (body: object) => (await space.call("keys.verifyKey", body)).body;
    const idOf = async (body: object) => (await verify(body)).meta.requestId as string;
    const flaws = (body: object) => space.flaws("keys.explain", body);
    const refusedWith = async (body: object, options = {}) =>
      (await space.call("keys.explain", body, options)).body.error;

    test("a refused verification is decided again with its own query, costs, limits and address", async () => {
      const { key, keyId } = await createKey({
        credits: { remaining: 10 },
        ipAllowList: ["192.0.2.1"],
        ratelimits: [{ name: "requests", limit: 5, duration: minuteMs, autoApply: false }],
      });
      const request = {
        permissions: "a AND (b OR c)",
        credits: { cost: 11 },
        ratelimits: [
          { name: "requests", cost: 6 },
          { name: "inline", limit: 3, duration: minuteMs, cost: 4 },
        ],
        ip: "192.0.2.2",
      };
      const requestId = await idOf({ key, tags: ["path=/a"], ...request });
      const time = server.clock.nowMs;
      server.clock.advance(1_000);
      const response = await explained({ requestId });
      const event = { requestId, time, outcome: "FORBIDDEN" };
      expect(response).toEqual({ ...(await explained({ keyId, ...request })), request: event });
      expect(failedOf(response).map(({ check }: { check: string }) => check)).toEqual([
        "ipAllowList",
        "permissions",
        "ratelimit",
        "ratelimit",
        "credits",
      ]);
    });

    test("each refusal is found, also that of an unknown key, and so is a valid request that sent only a key", async () => {
      const { key, keyId } = await createKey({ credits: { remaining: 1 } });
      const counted = { name: "abc", limit: 1, duration: minuteMs, cost: 2 };
      const bodies: [object, string][] = [
        [{ key }, "VALID"],
        [{ key: "prod_nobody" }, "NOT_FOUND"],
        [{ key, permissions: "none" }, "INSUFFICIENT_PERMISSIONS"],
        [{ key, ratelimits: [counted] }, "RATE_LIMITED"],
        [{ key, credits: { cost: 7 } }, "USAGE_EXCEEDED"],
        [{ key, keyspaces: ["ks_other"] }, "NOT_FOUND"],
      ];
      // explained now, the first request is refused, since it has spent the key's only credit
      const expected = ["USAGE_EXCEEDED", ...bodies.slice(1).map(([, code]) => code)];
      const found = [];
      for (const [body, outcome] of bodies) {
        const requestId = await idOf(body);
        const response = await explained({ requestId });
        expect(response.request).toEqual({ requestId, time: server.clock.nowMs, outcome });
        found.push(response.verdict.code);
      }
      expect(found).toEqual(expected);
      await space.data("keys.updateKey", { keyId, enabled: false });
      const disabled = await idOf({ key });
      await space.data("keys.deleteKey", { keyId });
      expect((await explained({ requestId: disabled })).checks[0].why).toContain("was deleted at");
    });

    test("the verdict is for now or a later time, never for the time of the request", async () => {
      const { key, keyId } = await createKey({ enabled: false });
      const requestId = await idOf({ key });
      await space.data("keys.updateKey", { keyId, enabled: true });
      server.clock.advance(5_000);
      expect((await explained({ requestId })).verdict.code).toBe("VALID");
      const at = server.clock.nowMs + 1;
      expect((await explained({ requestId, at })).at).toBe(at);
      expect(await flaws({ requestId, at: server.clock.nowMs - 1 })).toEqual(["body.at"]);
    });

    test("a batch needs the key too, in any of its forms", async () => {
      const [one, two] = [await createKey({ enabled: false }), await createKey({ enabled: false })];
      const { body } = await space.call("keys.verifyKeys", [
        { key: one.key, permissions: "a" },
        { key: two.key, permissions: "b" },
      ]);
      const { requestId } = body.meta;
      expect(await flaws({ requestId })).toEqual(["body.requestId"]);
      const keyHash = server.services.hashKey(two.key);
      for (const ref of [{ keyId: two.keyId }, { key: two.key }, { keyHash }]) {
        const response = await explained({ requestId, ...ref });
        expect([response.keyId, checkOf(response, "permissions").query]).toEqual([two.keyId, "b"]);
      }
      const other = await createKey();
      const missing = await refusedWith({ requestId, keyId: other.keyId });
      expect(missing.type).toEndWith("/event_not_found");
    });

    test("only a caller that may read the key finds its request; a request of another workspace, an unknown id and a decision are not found", async () => {
      const { apiId: otherApi } = await space.data("apis.createApi", { name: "other" });
      const { key } = await createKey({ enabled: false });
      const requestId = await idOf({ key });
      const unknown = await idOf({ key: "nobody" });
      const own = { rootKey: await space.keyWith(`api.${apiId()}.read_key`) };
      expect((await explained({ requestId }, own)).verdict.code).toBe("DISABLED");
      const other = { rootKey: await space.keyWith(`api.${otherApi}.read_key`) };
      const foreign = { rootKey: server.rootKey };
      const counted = { namespace: "emails", identifier: "user_1", limit: 1, duration: minuteMs };
      const decision = (await space.call("ratelimit.limit", counted)).body.meta.requestId;
      const attempts: [string, object][] = [
        [requestId, other],
        [requestId, foreign],
        [unknown, own],
        [decision, {}],
        [`${requestId.slice(0, -1)}_`, {}],
      ];
      for (const [requestId, options] of attempts) {
        expect((await refusedWith({ requestId }, options)).type).toEndWith("/event_not_found");
      }
    });

    test("a request whose fields are not kept is refused with the reason, and its address is kept only for a list", async () => {
      const { key, keyId } = await createKey({ permissions: ["a"] });
      const long = Array.from({ length: 40 }, (_, index) => ({
        name: `${index}`.padEnd(200, "x"),
        limit: 1,
        duration: minuteMs,
        cost: 2,
      }));
      for (const body of [{ permissions: "a" }, { ratelimits: long }]) {
        const error = await refusedWith({ requestId: await idOf({ key, ...body }) });
        expect(error.type).toEndWith("/precondition_failed");
        expect(error.detail).toContain("were not kept");
      }
      const requestId = await idOf({ key, permissions: "none", ip: "192.0.2.1" });
      await space.data("keys.updateKey", { keyId, ipAllowList: ["192.0.2.1"] });
      expect(checkOf(await explained({ requestId }), "ipAllowList").ip).toBeUndefined();
    });

    test("a `requestId` together with fields of a verification is refused", async () => {
      const requestId = "req_0Ck3vDbnXhq2Tn6Yp1Zs4a";
      for (const [field, value] of Object.entries({
        permissions: "a",
        credits: { cost: 1 },
        ip: "192.0.2.1",
        autoApply: false,
        tags: ["a"],
      })) {
        expect(await flaws({ requestId, [field]: value })).toEqual([`body.${field}`]);
      }
      expect(await flaws({ requestId, key: "a", keyId: "key_abc" })).toEqual(["body"]);
    });
  });
});
