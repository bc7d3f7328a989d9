import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { testServer } from "../../server/test/setUp.ts";
import { requireKey as forExpress } from "../src/express.ts";
import { requireKey as forFastify } from "../src/fastify.ts";
import { requireKey as forHono } from "../src/hono.ts";
import { guard, Latchkey, type Retries } from "../src/index.ts";
import { misconfigured, missing, unavailable } from "../src/refusals.ts";
import { createServerClock } from "../src/serverClock.ts";
import { frames, nextProxy } from "./frames.ts";
import { type App, addressOf, listen, type Options } from "./serving.ts";
import { type Reaction, refusal, startStub, success } from "./stub.ts";

const noRetries: Retries = { strategy: "none" };

const server = testServer();
let latchkey: Latchkey;
let apiId: string;

beforeAll(async () => {
  server.clock.nowMs = Date.now(); // windows end by this clock; the guard computes Retry-After by the real one
  latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
  apiId = (await latchkey.apis.createApi({ name: "guarded" })).data.apiId;
  await latchkey.identities.createIdentity({ externalId: "user_123", meta: { plan: "pro" } });
});

type NewKey = Omit<Parameters<Latchkey["keys"]["createKey"]>[0], "apiId">;

async function makeKey(more: NewKey = {}): Promise<{ key: string; keyId: string }> {
  return (await latchkey.keys.createKey({ apiId, externalId: "user_123", ...more })).data;
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

describe.each(frames)("guarding $name", ({ serve, ownBodies }) => {
  let app: App;
  const apps: App[] = [];
  async function guarded(options: Options = {}, client: Latchkey = latchkey): Promise<App> {
    const made = await serve(client, options);
    apps.push(made);
    return made;
  }
  beforeAll(async () => {
    app = await guarded();
  });
  afterAll(async () => {
    await Promise.all(apps.map(({ stop }) => stop()));
  });

  /** Asserts that the guard refused the request with this status and code, and that it did not reach its handler. */
  async function refused(
    request: Promise<Response>,
    of: App,
    status: number,
    code: string,
  ): Promise<Response> {
    const before = of.reached();
    const response = await request;
    expect({
      status: response.status,
      code: ((await response.clone().json()) as { code: string }).code,
    }).toEqual({ status, code });
    expect(response.headers.get("content-type")).toStartWith(
      ownBodies ? "application/json" : "application/problem+json",
    );
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.clone().json()).toMatchObject({
      type: "about:blank",
      status,
      detail: expect.any(String),
      title: expect.any(String),
    });
    expect(of.reached()).toBe(before);
    return response;
  }

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
    const tagged = await guarded(
      { tags: ["route=guarded"] },
      new Latchkey({ rootKey: "root_key", serverURL: stub.url }),
    );
    await refused(fetch(tagged.url, bearer("a_key")), tagged, 401, "NOT_FOUND");
    expect(JSON.parse(stub.seen[0]?.body ?? "")).toMatchObject({ key: "a_key", tags: ["route=guarded"] });
    await stub.stop();
  });

  const away: { name: string; reaction: Reaction }[] = [
    { name: "breaks the connection", reaction: "close" },
    { name: "is silent", reaction: "silence" },
    { name: "returns 500", reaction: refusal(500, "unkey/application/unexpected_error") },
    {
      name: "is overloaded",
      reaction: refusal(429, "user/too_many_requests/server_overloaded", { headers: { "retry-after": "1" } }),
    },
    { name: "is behind a proxy that returns 502", reaction: { status: 502, body: "<h1>Bad Gateway</h1>" } },
    {
      name: "sends half a response",
      reaction: { body: '{"meta":{"requestId":"req_1"},"data":{"valid":true,', cutAt: 45 },
    },
  ];

  test.each(away)(
    "returns 503 if the server $name, or with `onUnavailable: allow` lets the request through, and logs which it does",
    async ({ reaction }) => {
      for (const onUnavailable of ["refuse", "allow"] as const) {
        const stub = await startStub(() => reaction);
        // Guards share a circuit breaker per URL, and the operating system may reuse a port, so the path makes the URL unique.
        const serverURL = `${stub.url}/${crypto.randomUUID()}`;
        const client = new Latchkey({ rootKey: "root_key", serverURL, retries: noRetries });
        const logged: string[] = [];
        const options = {
          timeoutMs: reaction === "silence" ? 50 : 5000,
          log: (message: string) => void logged.push(message),
        };
        const guardedApp = await guarded({ ...options, onUnavailable }, client);
        const request = fetch(guardedApp.url, bearer("secret_canary"));
        if (onUnavailable === "refuse") {
          const { headers } = await refused(request, guardedApp, 503, "UNAVAILABLE");
          expect(headers.get("retry-after")).toBe("1");
        } else {
          expect(await (await request).json()).toEqual({ key: null });
        }
        expect(logged).toHaveLength(1);
        expect(logged[0]).toContain(onUnavailable === "refuse" ? "refused" : "let through");
        expect(logged[0]).not.toContain("secret_canary");
        await stub.stop();
      }
    },
  );

  const wrong: { name: string; reaction: Reaction; status: number; code: string }[] = [
    {
      name: "its root key is unknown",
      reaction: refusal(401, "unkey/authentication/key_not_found"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its root key has no permission to verify",
      reaction: refusal(403, "unkey/authorization/insufficient_permissions"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its permission query is invalid",
      reaction: refusal(400, "user/bad_request/permissions_query_syntax_error", {
        errors: [{ location: "body.permissions", message: "x" }],
      }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the key has no limit of the name that it gives",
      reaction: refusal(412, "unkey/application/precondition_failed"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its URL is that of another server",
      reaction: { body: "<h1>Welcome</h1>" },
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "`valid` is a string",
      reaction: success({ valid: "true", code: "VALID", keyId: "key_1", enabled: true }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict is a number",
      reaction: success({ valid: 1, code: "VALID" }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict is missing",
      reaction: success({ code: "VALID" }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict has a code that this client does not know",
      reaction: success({ valid: false, code: "NEWLY_INVENTED" }),
      status: 403,
      code: "NEWLY_INVENTED",
    },
  ];

  test.each(wrong)(
    "never lets a request through if $name, not even with `onUnavailable: allow`",
    async ({ reaction, status, code }) => {
      const stub = await startStub(() => reaction);
      const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url, retries: noRetries });
      const open = await guarded({ onUnavailable: "allow", log: () => {} }, client);
      await refused(fetch(open.url, bearer("a_key")), open, status, code);
      await stub.stop();
    },
  );
});

describe("options that are functions of the request", () => {
  test("are evaluated for each request, and a function may return the key", async () => {
    const stub = await startStub(() =>
      success({ valid: true, code: "VALID", keyId: "key_1", enabled: true }),
    );
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const app = new Hono().get(
      "/:kind/:cost",
      forHono(client, {
        key: (context) => context.req.query("key"),
        permissions: async (context) => `${context.req.param("kind")}.read`,
        credits: (context) => ({ cost: Number(context.req.param("cost")) }),
        tags: (context) => [`path=${context.req.path}`],
      }),
      (context) => context.text(context.var.verifiedKey.keyId),
    );
    expect(await (await app.request("/files/3?key=a_key")).text()).toBe("key_1");
    expect(JSON.parse(stub.seen[0]?.body ?? "")).toEqual({
      key: "a_key",
      permissions: "files.read",
      credits: { cost: 3 },
      tags: ["path=/files/3"],
    });
    expect((await app.request("/files/3")).status).toBe(401);
    await stub.stop();
  });

  test("that throw keep the request from its handler", async () => {
    const oops = () => {
      throw new Error("oops");
    };
    let reached = 0;
    const honoApp = new Hono().get("/guarded", forHono(latchkey, { key: oops }), (context) => {
      reached += 1;
      return context.text("reached");
    });
    honoApp.onError((_, context) => context.text("failed", 500));
    expect((await honoApp.request("/guarded")).status).toBe(500);
    const expressApp = express();
    expressApp.get("/guarded", forExpress(latchkey, { key: oops }), (_, response) => {
      reached += 1;
      response.send("reached");
    });
    expressApp.use(
      ((_error, _request, response, _next) =>
        void response.status(500).send("failed")) as express.ErrorRequestHandler,
    );
    const server = await listen(expressApp);
    expect((await fetch(addressOf(server))).status).toBe(500);
    server.close();
    const fastifyApp = fastify({ forceCloseConnections: true });
    fastifyApp.get("/guarded", { preHandler: forFastify(latchkey, { key: oops }) }, async () => {
      reached += 1;
      return "reached";
    });
    await fastifyApp.listen({ port: 0, host: "127.0.0.1" });
    expect((await fetch(addressOf(fastifyApp.server))).status).toBe(500);
    await fastifyApp.close();
    expect(reached).toBe(0);
  });

  test.each([7, ["a_key"], {}, null, "", true])(
    "a function that returns %p has returned no key",
    async (found) => {
      const check = guard(latchkey, { key: () => found as string });
      expect(await check(new Request("http://127.0.0.1/"))).toMatchObject({ passed: false, status: 401 });
    },
  );
});

test("`keyOf` fails for a request that did not pass the guard", () => {
  const { keyOf } = forExpress(latchkey);
  expect(() => keyOf({})).toThrow(/did not pass this guard/);
});

test("docs/errors.md has a row for each code that only guards return", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/errors.md"), "utf8");
  for (const { status, problem } of [missing("authorization"), unavailable(), misconfigured()]) {
    expect(page).toContain(`| ${status} | \`${problem.code}\` |`);
  }
});

test.each([
  ["ahead of", 3_600_000],
  ["behind", -3_600_000],
])("Retry-After and RateLimit are right if the server's clock is %s this machine's", async (_, skewMs) => {
  const stub = await startStub(({ path }) => {
    const nowMs = Date.now() + skewMs;
    const limit = { id: "", name: "requests", limit: 1, duration: 60_000, remaining: 0, exceeded: true };
    const data = {
      valid: false,
      code: "RATE_LIMITED",
      keyId: "key_1",
      enabled: true,
      ratelimits: [{ ...limit, reset: nowMs + 30_000, autoApply: true }],
    };
    const reaction = success(path.endsWith("verifyKeys") ? [{ data }, { data }] : data);
    return { ...(reaction as object), headers: { date: new Date(nowMs).toUTCString() } };
  });
  const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), { key: () => "a_key" });
  const checkOne = () => check(new Request("http://127.0.0.1/"));
  for (const verdict of await Promise.all([checkOne(), checkOne(), checkOne()])) {
    const { headers } = verdict;
    expect(Number(headers["retry-after"])).toBeOneOf([30, 31]); // Date has whole seconds
    expect(headers["ratelimit"]).toBe(`"requests";r=0;t=${headers["retry-after"]}`);
  }
  expect(stub.seen.map(({ path }) => path)).toEqual(["/v2/keys.verifyKey", "/v2/keys.verifyKeys"]);
  await stub.stop();
});

test("a server's clock is known to the second from its Date header, and within that second from this machine's clock", () => {
  let ownMs = Date.parse("2026-02-01T00:00:00.400Z");
  const clock = createServerClock(() => ownMs);
  const shown = (date?: string) => {
    clock.heard(date);
    return new Date(clock.nowMs()).toISOString();
  };
  expect(shown()).toBe("2026-02-01T00:00:00.400Z");
  expect(shown("Sun, 01 Feb 2026 00:00:00 GMT")).toBe("2026-02-01T00:00:00.400Z");
  expect(shown("Sat, 31 Jan 2026 23:59:59 GMT")).toBe("2026-01-31T23:59:59.999Z");
  expect(shown("Sat, 31 Jan 2026 23:00:00 GMT")).toBe("2026-01-31T23:00:00.000Z");
  ownMs += 5000;
  expect(shown("not a date")).toBe("2026-01-31T23:00:05.000Z");
  expect(shown("Sun, 01 Feb 2026 07:00:00 GMT")).toBe("2026-02-01T07:00:00.000Z");
});

test("Retry-After is between a second and the limit's window, even if this machine's clock is wrong and responses have no Date", async () => {
  for (const [aheadMs, seconds] of [
    [3_600_000, "60"],
    [-3_600_000, "1"],
  ] as const) {
    const limit = {
      id: "",
      name: "requests",
      limit: 1,
      duration: 60_000,
      remaining: 0,
      exceeded: true,
      autoApply: false,
    };
    const stub = await startStub(() =>
      success({
        valid: false,
        code: "RATE_LIMITED",
        keyId: "key_1",
        enabled: true,
        ratelimits: [
          { ...limit, reset: Date.now() + aheadMs },
          { ...limit, exceeded: false, reset: 0 },
        ],
      }),
    );
    const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), { key: () => "a_key" });
    const verdict = await check(new Request("http://127.0.0.1/"));
    expect(verdict).toMatchObject({ passed: false, status: 429, headers: { "retry-after": seconds } });
    await stub.stop();
  }
});

test("a Next.js proxy refuses requests without a valid key and lets the others go on to their route", async () => {
  const app = await nextProxy.serve(latchkey, {});
  const { key } = await makeKey();
  expect((await fetch(app.url)).status).toBe(401);
  expect((await fetch(app.url, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  expect(app.reached()).toBe(1);
  await app.stop();
});

test("a check accepts header names of a plain object in any letter case", async () => {
  const { key } = await makeKey();
  const check = guard(latchkey);
  for (const headers of [{ Authorization: `Bearer ${key}` }, { authorization: `Bearer ${key}` }]) {
    expect(await check({ headers })).toMatchObject({ passed: true });
  }
  expect(await check({ headers: {} })).toMatchObject({ passed: false, status: 401 });
});

test("a guard whose client has no root key refuses with 500 and logs what to set", async () => {
  const logged: string[] = [];
  const check = guard(new Latchkey({ serverURL: server.url }), {
    log: (message) => void logged.push(message),
  });
  for (const _ of [1, 2]) {
    expect(await check({ headers: { authorization: "Bearer a_key" } })).toMatchObject({ status: 500 });
  }
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain("LATCHKEY_ROOT_KEY");
});

test("a Hono route's response is sent uncopied with the state of the limits, unless its headers are immutable", async () => {
  const own = new Response("own");
  const proxied = new Response("proxied");
  const immutable = () => {
    throw new TypeError("immutable"); // as on Node, if the response came from `fetch`
  };
  Object.defineProperty(proxied.headers, "set", { value: immutable });
  const app = new Hono();
  app.use(forHono(() => latchkey, { ratelimits: [{ name: "requests", limit: 5, duration: 30_000 }] }));
  app.get("/own", () => own).get("/proxied", () => proxied);
  const { key } = await makeKey();
  const direct = await app.request("/own", bearer(key));
  const copied = await app.request("/proxied", bearer(key));
  expect(direct).toBe(own);
  expect([await direct.text(), await copied.text()]).toEqual(["own", "proxied"]);
  for (const { headers } of [direct, copied]) {
    expect(headers.get("ratelimit-policy")).toBe('"requests";q=5;w=30');
  }
});
