import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Hono } from "hono";
import { testServer } from "../../server/test/setUp.ts";
import { requireKey, requirePermission } from "../src/hono.ts";
import { guard, hasPermission, Latchkey } from "../src/index.ts";
import { frames } from "./frames.ts";
import type { App } from "./serving.ts";
import { startStub, success } from "./stub.ts";

const server = testServer();
/** every request to the server, in order */
const sent: string[] = [];
let latchkey: Latchkey;
let apiId: string;
let otherApiId: string;
const newClient = () =>
  new Latchkey({
    rootKey: server.rootKey,
    serverURL: server.url,
    hooks: { beforeRequest: ({ operation }) => void sent.push(operation) },
  });

beforeAll(async () => {
  server.clock.nowMs = Date.now();
  latchkey = newClient();
  apiId = (await latchkey.apis.createApi({ name: "documents" })).data.apiId;
  otherApiId = (await latchkey.apis.createApi({ name: "payments" })).data.apiId;
});

const quota = { name: "tokens", limit: 100, period: "day" } as const;
const limit = (name: string, autoApply: boolean) => ({ name, limit: 5, duration: 60_000, autoApply });

async function makeKey(permissions: string[], ofApi = apiId) {
  const { data } = await latchkey.keys.createKey({
    apiId: ofApi,
    permissions,
    credits: { remaining: 10 },
    ratelimits: [limit("requests", true), limit("uploads", false)],
    quotas: [quota],
  });
  return data;
}

/** What the key has used so far. */
async function usedBy(keyId: string) {
  const { data } = await latchkey.keys.getState({ keyId });
  const { credits, ratelimits, quotas } = data;
  const limits = ratelimits.map(({ name, used }) => [name, used]);
  return {
    credits: credits?.remaining,
    ...Object.fromEntries([...limits, ...quotas.map(({ name, used }) => [name, used])]),
  };
}

async function get(app: App, key: string): Promise<Response> {
  sent.length = 0;
  return fetch(app.url, { headers: { authorization: `Bearer ${key}` } });
}

describe.each(frames)("after a guard of $name,", ({ serve }) => {
  let apps: Record<"judging" | "counting" | "restricted", App>;
  beforeAll(async () => {
    apps = {
      judging: await serve(
        latchkey,
        {},
        { later: [{ permissions: "documents.read OR admin" }], permission: "documents.write" },
      ),
      counting: await serve(
        latchkey,
        {},
        {
          later: [
            {
              ratelimits: [{ name: "uploads", cost: 2 }],
              credits: { cost: 3 },
              quotas: [{ name: "tokens", cost: 7 }],
            },
          ],
        },
      ),
      restricted: await serve(latchkey, { apis: [apiId] }, { later: [{ apis: [apiId, otherApiId] }] }),
    };
  });
  afterAll(async () => {
    await Promise.all(Object.values(apps ?? {}).map(({ stop }) => stop()));
  });

  test("permissions are checked with its verdict: one request to the server, and everything counts once", async () => {
    const writer = await makeKey(["documents.*"]);
    const response = await get(apps.judging, writer.key);
    expect(response.status).toBe(200);
    expect(sent).toEqual(["keys.verifyKey"]);
    expect(response.headers.get("ratelimit")).toMatch(/^"requests";r=4;t=\d+$/);
    expect(await usedBy(writer.keyId)).toEqual({ credits: 9, requests: 1, uploads: 0, tokens: 0 });
    for (const [permissions, missing] of [
      [["documents.read"], "documents.write"],
      [["documents.write"], "documents.read OR admin"],
    ] as const) {
      const { key, keyId } = await makeKey([...permissions]);
      const before = apps.judging.reached();
      const refusal = await get(apps.judging, key);
      expect(refusal.status).toBe(403);
      expect(await refusal.json()).toMatchObject({
        code: "INSUFFICIENT_PERMISSIONS",
        permissions: missing,
      });
      expect(refusal.headers.get("www-authenticate")).toBe('Bearer error="insufficient_scope"');
      expect(apps.judging.reached()).toBe(before);
      expect(sent).toEqual(["keys.verifyKey"]);
      expect(await usedBy(keyId)).toEqual({ credits: 9, requests: 1, uploads: 0, tokens: 0 });
    }
  });

  test("a later guard counts only the limits that it names, so nothing counts twice, and the response shows all limits", async () => {
    const { key, keyId } = await makeKey([]);
    const response = await get(apps.counting, key);
    expect(sent).toEqual(["keys.verifyKey", "keys.verifyKey"]);
    expect(response.headers.get("ratelimit")).toMatch(/^"requests";r=4;t=\d+, "uploads";r=3;t=\d+$/);
    const { key: verified } = (await response.json()) as { key: { credits: number; quotas: unknown[] } };
    expect(verified).toMatchObject({
      credits: 6,
      quotas: [{ name: "tokens", used: 7 }],
      ratelimits: [{ name: "requests" }, { name: "uploads" }],
    });
    expect(await usedBy(keyId)).toEqual({ credits: 6, requests: 1, uploads: 2, tokens: 7 });
    expect((await get(apps.counting, key)).status).toBe(200);
    const refusal = await get(apps.counting, key);
    expect(refusal.status).toBe(429);
    expect(await refusal.json()).toMatchObject({ code: "RATE_LIMITED", limit: "uploads" });
    expect(await usedBy(keyId)).toEqual({ credits: 1, requests: 3, uploads: 4, tokens: 14 });
  });

  test("a later guard refuses keys of other apis without counting, and does not ask the server if its `apis` include the first's", async () => {
    const [own, other] = [await makeKey([]), await makeKey([], otherApiId)];
    expect((await get(apps.restricted, own.key)).status).toBe(200);
    expect(sent).toEqual(["keys.verifyKey"]);
    const refusal = await get(apps.restricted, other.key);
    expect(refusal.status).toBe(401);
    expect(await refusal.json()).toMatchObject({ code: "NOT_FOUND" });
    expect(refusal.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect(await usedBy(other.keyId)).toEqual({ credits: 10, requests: 0, uploads: 0, tokens: 0 });
  });
});

describe("a later guard", () => {
  const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

  test("counts nothing against a limit or quota that it names without a cost, and logs that once", async () => {
    const { key, keyId } = await makeKey([]);
    const logged: string[] = [];
    const log = (message: string) => void logged.push(message);
    const later = guard(latchkey, { ratelimits: [{ name: "uploads" }], quotas: [{ name: "tokens" }], log });
    for (const _ of [1, 2]) {
      const request = bearer(key);
      expect((await guard(latchkey)(request)).passed).toBe(true);
      expect((await later(request)).passed).toBe(true);
    }
    expect(await usedBy(keyId)).toEqual({ credits: 8, requests: 2, uploads: 0, tokens: 0 });
    expect(logged).toEqual([expect.stringContaining('"uploads" without a cost')]);
  });

  test("asks the server if the verdict does not show the key's api, and that counts nothing", async () => {
    const { key, keyId } = await makeKey([]);
    const request = bearer(key);
    await guard(latchkey)(request);
    expect(await guard(latchkey, { apis: [otherApiId] })(request)).toMatchObject({ status: 401 });
    expect(await guard(latchkey, { apis: [apiId] })(request)).toMatchObject({ passed: true });
    expect(await usedBy(keyId)).toEqual({ credits: 9, requests: 1, uploads: 0, tokens: 0 });
  });

  test("reuses the verdict even if each guard has its own client, unless the root keys differ", async () => {
    const { key, keyId } = await makeKey([]);
    const request = bearer(key);
    await guard(newClient)(request);
    await guard(newClient)(request);
    expect(await usedBy(keyId)).toMatchObject({ credits: 9, requests: 1 });
    const stranger = new Latchkey({ rootKey: "latchkey_root_stranger", serverURL: server.url });
    expect(await guard(stranger, { log: () => {} })(request)).toMatchObject({ status: 500 });
  });

  test("verifies a second key of the same request separately, and each key counts once", async () => {
    const [user, service] = [await makeKey([]), await makeKey([])];
    const request = { headers: { authorization: `Bearer ${user.key}`, "x-service-key": service.key } };
    const checks = [
      guard(latchkey),
      guard(latchkey, { key: "x-service-key" }),
      guard(latchkey),
      guard(latchkey),
    ];
    const keyIds = [];
    for (const check of checks) {
      const verdict = await check(request);
      keyIds.push(verdict.passed && verdict.key.keyId);
    }
    expect(keyIds).toEqual([user.keyId, service.keyId, user.keyId, user.keyId]);
    for (const { keyId } of [user, service]) expect(await usedBy(keyId)).toMatchObject({ credits: 9 });
  });

  test("verifies again if it gets a new object with the same headers", async () => {
    const { key, keyId } = await makeKey([]);
    const check = guard(latchkey);
    const { headers } = bearer(key);
    for (const _ of [1, 2, 3]) await check({ headers });
    expect(await usedBy(keyId)).toMatchObject({ credits: 7, requests: 3 });
  });

  test("with `onUnavailable: allow` keeps the earlier verdict while the server is unavailable", async () => {
    let isAway = false;
    const valid = { valid: true, code: "VALID", keyId: "key_1", enabled: true };
    const stub = await startStub(() => (isAway ? "close" : success(valid)));
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const request = bearer("a_key");
    await guard(client)(request);
    isAway = true;
    const options = { credits: { cost: 1 }, onUnavailable: "allow", log: () => {} } as const;
    expect(await guard(client, options)(request)).toMatchObject({ passed: true, key: valid });
    await stub.stop();
  });

  test("sends only the limits that it adds, with explicit costs and `autoApply: false`", async () => {
    const stub = await startStub(() =>
      success({ valid: true, code: "VALID", keyId: "key_1", enabled: true }),
    );
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const request = bearer("a_key");
    await guard(client, { permissions: "documents.read", tags: ["first"] })(request);
    const later = guard(client, { quotas: [{ name: "tokens", reserve: 9, ttl: 1000 }], log: () => {} });
    await later(request);
    await guard(client, { ratelimits: [{ name: "uploads" }], log: () => {} })(request);
    const bodies = stub.seen.map(({ body }) => JSON.parse(body));
    expect(bodies.slice(1)).toEqual([
      {
        key: "a_key",
        ratelimits: [],
        quotas: [{ name: "tokens", reserve: 9, ttl: 1000 }],
        credits: { cost: 0 },
        autoApply: false,
      },
      {
        key: "a_key",
        ratelimits: [{ name: "uploads", cost: 0 }],
        quotas: [],
        credits: { cost: 0 },
        autoApply: false,
      },
    ]);
    await stub.stop();
  });
});

describe("requirePermission", () => {
  const serveWith = (...handlers: ReturnType<typeof requirePermission>[]) => {
    const app = new Hono();
    for (const handler of handlers) app.use("/", handler);
    return app.get("/", (context) => context.text("reached"));
  };

  test("refuses with 500 and logs the reason once if no guard came before, or if its query is invalid", async () => {
    const logged: string[] = [];
    const log = (message: string) => void logged.push(message);
    const alone = serveWith(requirePermission("documents.read", { log }));
    for (const _ of [1, 2]) expect((await alone.request("/")).status).toBe(500);
    const { key } = await makeKey([]);
    const first = requireKey(latchkey) as ReturnType<typeof requirePermission>;
    const invalid = serveWith(first, requirePermission("documents.read AND", { log }));
    expect((await invalid.request("/", { headers: { authorization: `Bearer ${key}` } })).status).toBe(500);
    expect(logged).toEqual([
      expect.stringContaining("No guard has verified"),
      expect.stringContaining("Position 18 of the permissions query: a permission is missing after AND."),
    ]);
  });

  test("refuses with 503 a request that its guard let through without a key", async () => {
    const stub = await startStub(() => "close");
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const first = requireKey(client, { onUnavailable: "allow", log: () => {} });
    const app = serveWith(first as ReturnType<typeof requirePermission>, requirePermission("documents.read"));
    expect((await app.request("/", { headers: { authorization: "Bearer a_key" } })).status).toBe(503);
    await stub.stop();
  });

  test("lets `onRefused` change the response", async () => {
    const { key } = await makeKey([]);
    const first = requireKey(latchkey) as ReturnType<typeof requirePermission>;
    const shaped = requirePermission("admin", {
      onRefused: ({ problem }, context) => ({ status: 418, body: `${problem.code} at ${context.req.path}` }),
    });
    const response = await serveWith(first, shaped).request("/", {
      headers: { authorization: `Bearer ${key}` },
    });
    expect([response.status, await response.text()]).toEqual([418, "INSUFFICIENT_PERMISSIONS at /"]);
  });
});

test("`hasPermission` decides every query and every set of permissions as the server does", async () => {
  const segment = fc.constantFrom("documents", "read", "write", "*", "a-b", "AND");
  const slug = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("."));
  const token = fc.oneof(slug, fc.constantFrom("AND", "or", "(", ")", "documents.read"));
  const { query } = fc.letrec<{ query: string }>((tie) => ({
    query: fc.oneof(
      { depthSize: "small" },
      slug,
      fc.tuple(tie("query"), fc.constantFrom(" AND ", " or "), tie("query")).map((parts) => parts.join("")),
      tie("query").map((inner) => `(${inner})`),
    ),
  }));
  const anyText = fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => tokens.join(" "));
  const outcomes = new Set<unknown>();
  for (const permissions of fc.sample(fc.uniqueArray(slug, { maxLength: 4 }), 12)) {
    const { data } = await latchkey.keys.createKey({ apiId, permissions });
    const queries = fc.sample(fc.oneof(query, anyText), 60).filter((text) => text.length <= 1000);
    const batch = queries.map((permissions) => ({ key: data.key, permissions }));
    const { data: entries } = await latchkey.keys.verifyKeys(batch);
    for (const [index, text] of queries.entries()) {
      const entry = entries[index] as { data?: { valid: boolean } } | undefined;
      let own: boolean | undefined;
      try {
        own = hasPermission({ permissions }, text);
      } catch {}
      expect([permissions, text, own]).toEqual([permissions, text, entry?.data?.valid]);
      outcomes.add(own);
    }
  }
  expect(outcomes).toEqual(new Set([true, false, undefined]));
});
