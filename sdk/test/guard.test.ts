import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type RequestListener, type Server } from "node:http";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { startTest, type TestServer } from "../../server/test/harness.ts";
import { requireKey as forExpress } from "../src/express.ts";
import { requireKey as forFastify } from "../src/fastify.ts";
import { requireKey as forHono } from "../src/hono.ts";
import { guard, Latchkey, type Retries } from "../src/index.ts";
import type { GuardOptions } from "../src/judge.ts";
import { withKey } from "../src/next.ts";
import { type Reaction, refusal, startStub, success } from "./stub.ts";

/** Options that need nothing of a framework's request. */
type Options = Omit<GuardOptions<unknown>, "key" | "tags"> & { key?: string; tags?: string[] };
/** A served app with one guarded route, which answers the key it was given; `reached` counts how often. */
type App = { url: string; reached(): number; stop(): Promise<void> };
type Frame = { name: string; serve(latchkey: Latchkey, options: Options): Promise<App> };

function listen(handler: RequestListener): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer(handler).listen(0, "127.0.0.1", () => resolve(server));
  });
}

function addressOf(server: { address(): unknown }): string {
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/guarded`;
}

function serveWeb(handler: (request: Request) => Response | Promise<Response>, reached: () => number): App {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler });
  return { url: `http://127.0.0.1:${server.port}/guarded`, reached, stop: () => server.stop(true) };
}

const frames: Frame[] = [
  {
    name: "a web Request",
    async serve(latchkey, options) {
      let reached = 0;
      const check = guard(latchkey, options);
      const handler = async (request: Request) => {
        const verdict = await check(request);
        if (!verdict.passed) return verdict.response;
        reached += 1;
        return Response.json({ key: verdict.key ?? null });
      };
      return serveWeb(handler, () => reached);
    },
  },
  {
    name: "Hono",
    async serve(latchkey, options) {
      let reached = 0;
      const app = new Hono().get("/guarded", forHono(latchkey, options), (context) => {
        reached += 1;
        return context.json({ key: context.var.verifiedKey ?? null });
      });
      return serveWeb(app.fetch, () => reached);
    },
  },
  {
    name: "Express",
    async serve(latchkey, options) {
      let reached = 0;
      const app = express();
      const key = forExpress(latchkey, options);
      app.get("/guarded", key, (request, response) => {
        reached += 1;
        expect(request.verifiedKey as unknown).toBe(key.keyOf(request));
        response.json({ key: key.keyOf(request) ?? null });
      });
      const server = await listen(app);
      return {
        url: addressOf(server),
        reached: () => reached,
        stop: async () => server.close().closeAllConnections(),
      };
    },
  },
  {
    name: "Fastify",
    async serve(latchkey, options) {
      let reached = 0;
      const app = fastify({ forceCloseConnections: true });
      const key = forFastify(latchkey, options);
      app.get("/guarded", { onRequest: key }, async (request) => {
        reached += 1;
        expect(request.verifiedKey as unknown).toBe(key.keyOf(request));
        return { key: key.keyOf(request) ?? null };
      });
      await app.listen({ port: 0, host: "127.0.0.1" });
      return { url: addressOf(app.server), reached: () => reached, stop: () => app.close() };
    },
  },
  {
    name: "a Next.js route handler",
    async serve(latchkey, options) {
      let reached = 0;
      const handler = withKey(latchkey, options, (request) => {
        reached += 1;
        return Response.json({ key: request.verifiedKey ?? null });
      });
      return serveWeb(
        (request) => handler(request, undefined),
        () => reached,
      );
    },
  },
];

const noRetries: Retries = { strategy: "none" };

let server: TestServer;
let latchkey: Latchkey;
let apiId: string;

beforeAll(async () => {
  server = await startTest();
  server.clock.nowMs = Date.now(); // the guard reads its own clock for Retry-After
  latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
  apiId = (await latchkey.apis.createApi({ name: "guarded" })).data.apiId;
  await latchkey.identities.createIdentity({ externalId: "user_123", meta: { plan: "pro" } });
});
afterAll(() => server.stop());

type NewKey = Omit<Parameters<Latchkey["keys"]["createKey"]>[0], "apiId">;

async function makeKey(more: NewKey = {}): Promise<{ key: string; keyId: string }> {
  return (await latchkey.keys.createKey({ apiId, externalId: "user_123", ...more })).data;
}

describe.each(frames)("guarding $name", ({ serve }) => {
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

  /** Asserts that the request was refused before its handler, as a problem. */
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
    expect(response.headers.get("content-type")).toStartWith("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({
      type: "about:blank",
      status,
      detail: expect.any(String),
      title: expect.any(String),
    });
    expect(of.reached()).toBe(before);
    return response;
  }

  const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

  test("lets a valid key through, with its identity", async () => {
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
  ])("answers 401 where no key is sent: %p", async (headers) => {
    const response = await refused(
      fetch(app.url, { headers: headers as Record<string, string> }),
      app,
      401,
      "MISSING",
    );
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("answers 401 for an unknown key, an expired one, and what cannot be a key", async () => {
    const expired = await makeKey({ expires: server.clock.nowMs - 1 });
    await refused(fetch(app.url, bearer("unknown_key")), app, 401, "NOT_FOUND");
    await refused(fetch(app.url, bearer(expired.key)), app, 401, "EXPIRED");
    await refused(fetch(app.url, bearer("x".repeat(600))), app, 401, "NOT_FOUND");
  });

  test("answers 403 for a disabled key, one without the route's permission, and one whose credits are used up", async () => {
    const permitted = await guarded({ permissions: "documents.read AND documents.write" });
    const disabled = await makeKey({ enabled: false });
    const reader = await makeKey({ permissions: ["documents.read"] });
    const writer = await makeKey({ permissions: ["documents.read", "documents.write"] });
    await refused(fetch(app.url, bearer(disabled.key)), app, 403, "DISABLED");
    await refused(fetch(permitted.url, bearer(reader.key)), permitted, 403, "INSUFFICIENT_PERMISSIONS");
    expect((await fetch(permitted.url, bearer(writer.key))).status).toBe(200);
    const costly = await guarded({ credits: { cost: 6 } });
    const poor = await makeKey({ credits: { remaining: 10 } });
    expect((await fetch(costly.url, bearer(poor.key))).status).toBe(200);
    await refused(fetch(costly.url, bearer(poor.key)), costly, 403, "USAGE_EXCEEDED");
  });

  test("answers 429 with the limit and the time to wait", async () => {
    const limited = await guarded({ ratelimits: [{ name: "requests", limit: 2, duration: 30_000 }] });
    const { key } = await makeKey();
    for (const _ of [1, 2]) expect((await fetch(limited.url, bearer(key))).status).toBe(200);
    const { headers } = await refused(fetch(limited.url, bearer(key)), limited, 429, "RATE_LIMITED");
    const seconds = Number(headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(20);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(headers.get("ratelimit-limit")).toBe("2");
    expect(headers.get("ratelimit-remaining")).toBe("0");
    expect(headers.get("ratelimit-reset")).toBe(String(seconds));
  });

  test("finds the key in the header that the route names", async () => {
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
    expect(JSON.parse(stub.seen[0]?.body ?? "")).toEqual({ key: "a_key", tags: ["route=guarded"] });
    await stub.stop();
  });

  const away: { name: string; reaction: Reaction }[] = [
    { name: "breaks the connection", reaction: "close" },
    { name: "is silent", reaction: "silence" },
    { name: "answers 500", reaction: refusal(500, "unkey/application/unexpected_error") },
    {
      name: "is overloaded",
      reaction: refusal(429, "user/too_many_requests/server_overloaded", { headers: { "retry-after": "1" } }),
    },
    { name: "hides behind a proxy's 502", reaction: { status: 502, body: "<h1>Bad Gateway</h1>" } },
    {
      name: "answers half",
      reaction: { body: '{"meta":{"requestId":"req_1"},"data":{"valid":true,', cutAt: 45 },
    },
  ];

  test.each(away)(
    "answers 503 where the service $name, and lets through only where asked to, and says so",
    async ({ reaction }) => {
      const stub = await startStub(() => reaction);
      const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url, retries: noRetries });
      const said: string[] = [];
      const options = { timeoutMs: 50, log: (message: string) => void said.push(message) };
      const closed = await guarded(options, client);
      const { headers } = await refused(
        fetch(closed.url, bearer("secret_canary")),
        closed,
        503,
        "UNAVAILABLE",
      );
      expect(headers.get("retry-after")).toBe("1");
      const open = await guarded({ ...options, onUnavailable: "allow" }, client);
      const response = await fetch(open.url, bearer("secret_canary"));
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ key: null });
      expect(said).toHaveLength(2);
      expect(said[0]).toContain("refused");
      expect(said[1]).toContain("let through");
      expect(said.join()).not.toContain("secret_canary");
      await stub.stop();
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
      name: "its root key may not verify",
      reaction: refusal(403, "unkey/authorization/insufficient_permissions"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its permission query cannot be read",
      reaction: refusal(400, "user/bad_request/permissions_query_syntax_error", {
        errors: [{ location: "body.permissions", message: "x" }],
      }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its limit is not stored",
      reaction: refusal(412, "unkey/application/precondition_failed"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the address is another's",
      reaction: { body: "<h1>Welcome</h1>" },
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict is a text",
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
      name: "the refusal is unheard of",
      reaction: success({ valid: false, code: "NEWLY_INVENTED" }),
      status: 403,
      code: "NEWLY_INVENTED",
    },
  ];

  test.each(wrong)(
    "never lets through where $name, even where it lets through while the service is away",
    async ({ reaction, status, code }) => {
      const stub = await startStub(() => reaction);
      const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url, retries: noRetries });
      const open = await guarded({ onUnavailable: "allow", log: () => {} }, client);
      await refused(fetch(open.url, bearer("a_key")), open, status, code);
      await stub.stop();
    },
  );
});

describe("options by the request", () => {
  test("are worked out for each request, and a key is found by a function", async () => {
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
    "a function that finds %p has found no key",
    async (found) => {
      const check = guard(latchkey, { key: () => found as string });
      expect(await check(new Request("http://127.0.0.1/"))).toMatchObject({ passed: false, status: 401 });
    },
  );
});

test("a request that did not come through a guard has no key, and asking for it says so", () => {
  const { keyOf } = forExpress(latchkey);
  expect(() => keyOf({})).toThrow(/did not come through this `requireKey`/);
});

test("a time to wait is never longer than the limit's window, however wrong our clock is, and at least a second", async () => {
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
