import { beforeAll, describe, expect, test } from "bun:test";
import { Latchkey } from "../src/index.ts";
import { frames } from "./frames.ts";
import { bearer, guarding, testApi } from "./guarding.ts";
import type { App, Options } from "./serving.ts";
import { startStub, success } from "./stub.ts";

const { server, client, makeKey } = testApi();

describe.each(frames)("guarding $name", (frame) => {
  const { ownBodies } = frame;
  const { guarded: guardedBy, refused } = guarding(frame);
  const guarded = (options: Options = {}) => guardedBy(client(), options);
  let app: App;
  beforeAll(async () => {
    app = await guarded();
  });

  test("lets a valid key through with its identity", async () => {
    const { key, keyId } = await makeKey();
    const response = await fetch(app.url, { headers: { authorization: `bEaReR   ${key}` } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      key: { valid: true, code: "VALID", keyId, identity: { externalId: "user_123", meta: { plan: "pro" } } },
    });
  });

  test.each([
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Basic dXNlcjpwYXNz" },
    { authorization: "Bearer one, Bearer two" },
    { authorization: "Bearer one two" },
    { "x-api-key": "elsewhere" },
  ])("returns 401 if no key is sent: %p", async (headers) => {
    const response = await refused(
      fetch(app.url, { headers: headers as Record<string, string> }),
      app,
      401,
      "MISSING",
    );
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("returns 401 with invalid_token for a key that is unknown, expired, or too long to be a key", async () => {
    const expired = await makeKey({ expires: server.clock.nowMs - 1 });
    const unknown = await refused(fetch(app.url, bearer("unknown_key")), app, 401, "NOT_FOUND");
    expect(unknown.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    await refused(fetch(app.url, bearer(expired.key)), app, 401, "EXPIRED");
    await refused(fetch(app.url, bearer("x".repeat(600))), app, 401, "NOT_FOUND");
  });

  test("returns 403 for a disabled key, for one that lacks the route's permission, and for one without credits", async () => {
    const permitted = await guarded({ permissions: "documents.read AND documents.write" });
    const disabled = await makeKey({ enabled: false });
    const reader = await makeKey({ permissions: ["documents.read"] });
    const writer = await makeKey({ permissions: ["documents.read", "documents.write"] });
    await refused(fetch(app.url, bearer(disabled.key)), app, 403, "DISABLED");
    const lacking = await refused(
      fetch(permitted.url, bearer(reader.key)),
      permitted,
      403,
      "INSUFFICIENT_PERMISSIONS",
    );
    expect(lacking.headers.get("www-authenticate")).toBe('Bearer error="insufficient_scope"');
    expect(await lacking.json()).toMatchObject({
      permissions: "documents.read AND documents.write",
      detail: expect.stringContaining("documents.read AND documents.write"),
    });
    expect((await fetch(permitted.url, bearer(writer.key))).status).toBe(200);
    const costly = await guarded({ credits: { cost: 6 } });
    const poor = await makeKey({ credits: { remaining: 10 } });
    expect((await fetch(costly.url, bearer(poor.key))).status).toBe(200);
    await refused(fetch(costly.url, bearer(poor.key)), costly, 403, "USAGE_EXCEEDED");
  });

  test("returns the state of every limit with passed and refused requests, and names the exceeded limit in a 429", async () => {
    server.clock.nowMs = Date.now(); // on a slow machine, this clock may be a window behind the real one by now
    const limited = await guarded({
      ratelimits: [
        { name: "requests", limit: 2, duration: 30_000 },
        { name: "daily", limit: 50, duration: 86_400_000 },
      ],
    });
    const { key } = await makeKey();
    for (const left of [1, 0]) {
      const { status, headers } = await fetch(limited.url, bearer(key));
      expect(status).toBe(200);
      expect(headers.get("ratelimit-policy")).toBe('"requests";q=2;w=30, "daily";q=50;w=86400');
      expect(headers.get("ratelimit")).toMatch(
        new RegExp(`^"requests";r=${left};t=\\d+, "daily";r=${left + 48};t=\\d+$`),
      );
      expect(headers.get("ratelimit-limit")).toBeNull();
    }
    const response = await refused(fetch(limited.url, bearer(key)), limited, 429, "RATE_LIMITED");
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(response.headers.get("ratelimit")).toContain(`"requests";r=0;t=${seconds}`);
    expect(await response.json()).toMatchObject({
      limit: "requests",
      detail: expect.stringContaining('"requests"'),
    });
  });

  test("returns the three legacy headers only with `rateLimitHeaders: legacy` or `both`, and no headers with `none`", async () => {
    const ratelimits = [{ name: "requests", limit: 2, duration: 30_000 }];
    const { key } = await makeKey();
    const legacy = await guarded({ ratelimits, rateLimitHeaders: "legacy" });
    const { headers } = await fetch(legacy.url, bearer(key));
    expect(headers.get("ratelimit-limit")).toBe("2");
    expect(headers.get("ratelimit-remaining")).toBe("1");
    expect(Number(headers.get("ratelimit-reset"))).toBeLessThanOrEqual(30);
    expect(headers.get("ratelimit")).toBeNull();
    const none = await guarded({ ratelimits, rateLimitHeaders: "none" });
    const silent = await fetch(none.url, bearer(key));
    expect([...silent.headers.keys()].filter((name) => name.startsWith("ratelimit"))).toEqual([]);
  });

  test("lets `onRefused` change the response, but never lets the request pass", async () => {
    const shaped = await guarded({
      onRefused: ({ problem }) => ({
        status: 418,
        headers: { "X-Reason": problem.code },
        body: { error: problem.title },
      }),
    });
    const response = await fetch(shaped.url);
    expect(response.status).toBe(418);
    expect(response.headers.get("x-reason")).toBe("MISSING");
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.json()).toEqual({ error: "Unauthorized" });
    expect(shaped.reached()).toBe(0);
    if (ownBodies) return;
    const text = await guarded({
      onRefused: () => ({ headers: { "content-type": "text/plain" }, body: "no" }),
    });
    const plain = await fetch(text.url);
    expect([plain.status, await plain.text()]).toEqual([401, "no"]);
    expect(plain.headers.get("content-type")).toStartWith("text/plain");
    expect(text.reached()).toBe(0);
  });

  test("reads the key from the header in the option `key`", async () => {
    const named = await guarded({ key: "X-Api-Key" });
    const { key } = await makeKey();
    expect((await fetch(named.url, { headers: { "x-api-key": key } })).status).toBe(200);
    const response = await refused(fetch(named.url, bearer(key)), named, 401, "MISSING");
    expect(response.status).toBe(401);
  });

  test("records the route's tags", async () => {
    const stub = await startStub(() => success({ valid: false, code: "NOT_FOUND" }));
    const tagged = await guardedBy(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), {
      tags: ["route=guarded"],
    });
    await refused(fetch(tagged.url, bearer("a_key")), tagged, 401, "NOT_FOUND");
    expect(JSON.parse(stub.seen[0]?.body ?? "")).toMatchObject({ key: "a_key", tags: ["route=guarded"] });
    await stub.stop();
  });
});
