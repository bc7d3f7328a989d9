/** Requests that are valid alone, but run at the same time as others. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { engines, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });
  let apiId: string;
  beforeAll(async () => {
    apiId = (await dataOf("apis.createApi", { name: "payments" })).apiId;
  });
  afterAll(async () => {
    expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
  const call: TestServer["call"] = (operation, body, options) => server.call(operation, body, options);
  const dataOf = async (operation: string, body: unknown) => (await call(operation, body)).body.data;
  const makeKey = (rest: object = {}) => dataOf("keys.createKey", { apiId, ...rest });
  const codeOf = async (key: string, rest: object = {}): Promise<string> =>
    (await dataOf("keys.verifyKey", { key, ...rest })).code;
  const times = <T>(count: number, work: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, index) => work(index)));

  test("a key that is deleted while it is verified is never valid after deleteKey has returned", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { keyId, key } = await makeKey();
      const during = times(10, () => codeOf(key));
      const deleted = await call("keys.deleteKey", { keyId });
      expect(deleted.status).toBe(200);
      const after = await times(10, () => codeOf(key));
      for (const code of await during) expect(["VALID", "NOT_FOUND"]).toContain(code);
      expect(new Set(after)).toEqual(new Set(["NOT_FOUND"]));
    }
  });

  test("no change is lost when credits are raised and lowered while they are being spent", async () => {
    const { keyId, key } = await makeKey({ credits: { remaining: 100 } });
    const change = (operation: string, value: number) =>
      call("keys.updateCredits", { keyId, operation, value });
    const codes = times(30, () => codeOf(key));
    const changes = times(20, (index) => (index % 2 === 0 ? change("increment", 5) : change("decrement", 3)));
    expect(new Set((await changes).map((reply) => reply.status))).toEqual(new Set([200]));
    expect(new Set(await codes)).toEqual(new Set(["VALID"]));
    const left = (await dataOf("keys.verifyKey", { key, credits: { cost: 0 } })).credits;
    expect(left).toBe(100 + 10 * 5 - 10 * 3 - 30);
  });

  test("credits are never spent twice, however many verifications run at once", async () => {
    const { key } = await makeKey({ credits: { remaining: 10 } });
    const codes = await times(60, () => codeOf(key));
    expect(codes.filter((code) => code === "VALID")).toHaveLength(10);
    expect(codes.filter((code) => code === "USAGE_EXCEEDED")).toHaveLength(50);
  });

  test("many concurrent calls to create one external id create one identity", async () => {
    const replies = await times(20, () => call("identities.createIdentity", { externalId: "wanted" }));
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expectRefusal(reply, "identity_already_exists");
    const keys = await times(10, () => makeKey({ externalId: "linked" }));
    const ids = await Promise.all(
      keys.map(async ({ key }) => (await dataOf("keys.verifyKey", { key })).identity.id),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test("all keys of an api are invalid once deleteApi has returned", async () => {
    const doomed = (await dataOf("apis.createApi", { name: "doomed" })).apiId;
    const keys = await times(
      30,
      async () => (await dataOf("keys.createKey", { apiId: doomed })).key as string,
    );
    expect(new Set(await Promise.all(keys.map((key) => codeOf(key))))).toEqual(new Set(["VALID"]));
    expect((await call("apis.deleteApi", { apiId: doomed })).status).toBe(200);
    expect(new Set(await Promise.all(keys.map((key) => codeOf(key))))).toEqual(new Set(["NOT_FOUND"]));
    expectRefusal(await call("keys.createKey", { apiId: doomed }), "api_not_found");
  });

  test("an override applies from the very next request", async () => {
    const count = () =>
      dataOf("ratelimit.limit", { namespace: "mail", identifier: "u", limit: 2, duration: 60_000 });
    expect(await count()).toMatchObject({ success: true, limit: 2, remaining: 1 });
    await call("ratelimit.setOverride", { namespace: "mail", identifier: "u", limit: 5, duration: 60_000 });
    expect(await count()).toMatchObject({ success: true, limit: 5, remaining: 3 });
    await call("ratelimit.setOverride", { namespace: "mail", identifier: "u", limit: 0, duration: 60_000 });
    expect(await count()).toMatchObject({ success: false, limit: 0, remaining: 0 });
    await call("ratelimit.deleteOverride", { namespace: "mail", identifier: "u" });
    expect(await count()).toMatchObject({ success: false, limit: 2, remaining: 0 });
  });

  test("keys of a deleted identity keep working without its limits and metadata, and a new identity does not adopt them", async () => {
    const ratelimits = [{ name: "requests", limit: 1, duration: 60_000, autoApply: true }];
    const identity = { externalId: "shared", meta: { plan: "pro" }, ratelimits };
    await call("identities.createIdentity", identity);
    const { key } = await makeKey({ externalId: "shared" });
    expect(await codeOf(key)).toBe("VALID");
    expect(await codeOf(key)).toBe("RATE_LIMITED");
    await call("identities.deleteIdentity", { identity: "shared" });
    for (const again of [false, true]) {
      if (again) expect((await call("identities.createIdentity", identity)).status).toBe(200);
      const verdict = await dataOf("keys.verifyKey", { key });
      expect(verdict).toMatchObject({ valid: true, code: "VALID" });
      expect(verdict).not.toHaveProperty("identity");
      expect(verdict).not.toHaveProperty("ratelimits");
    }
  });

  describe("an Idempotency-Key", () => {
    const create = (externalId: string, key: string, rootKey?: string) =>
      call("identities.createIdentity", { externalId }, { rootKey, headers: { "idempotency-key": key } });

    test("with another body is 422, and its scope is one root key and one operation", async () => {
      const first = await create("once", "same-key");
      expect(first.status).toBe(200);
      const replayed = await create("once", "same-key");
      expect(replayed.text).toBe(first.text);
      expect(replayed.headers.get("idempotent-replayed")).toBe("true");
      expectRefusal(await create("twice", "same-key"), "idempotency_key_reused");
      const other = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
      expect((await create("twice", "same-key", other)).headers.get("idempotent-replayed")).toBeNull();
      const api = await call(
        "apis.createApi",
        { name: "once" },
        { headers: { "idempotency-key": "same-key" } },
      );
      expect([api.status, api.headers.get("idempotent-replayed")]).toEqual([200, null]);
    });

    test("sent by many calls at once has one effect", async () => {
      const replies = await times(10, () => create("many", "many-key"));
      const done = replies.filter((reply) => reply.status === 200);
      expect(done.length).toBeGreaterThan(0);
      expect(new Set(done.map((reply) => reply.text)).size).toBe(1);
      for (const reply of replies) if (reply.status !== 200) expectRefusal(reply, "idempotency_in_progress");
      expect(done.filter((reply) => reply.headers.get("idempotent-replayed") === null)).toHaveLength(1);
    });

    test("of a wrong form is 400", async () => {
      for (const key of ["", "a b", "é", "x".repeat(256), "a\tb"]) {
        const headers = { "idempotency-key": key };
        const reply = await call("identities.createIdentity", { externalId: "never" }, { headers });
        expectRefusal(reply, "invalid_input", "headers.Idempotency-Key");
      }
      expectRefusal(await call("identities.getIdentity", { identity: "never" }), "identity_not_found");
    });
  });

  test("tags are bounded in number and length", async () => {
    const { key } = await makeKey();
    const tags = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(512, "t"));
    expect(await codeOf(key, { tags })).toBe("VALID");
    expectRefusal(await call("keys.verifyKey", { key, tags: [...tags, "t"] }), "invalid_input", "body.tags");
    const long = await call("keys.verifyKey", { key, tags: ["t".repeat(513)] });
    expectRefusal(long, "invalid_input", "body.tags[0]");
    expectRefusal(await call("keys.verifyKey", { key, tags: [""] }), "invalid_input", "body.tags[0]");
  });
});
