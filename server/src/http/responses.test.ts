/** What every response has: envelope, content type and headers. */
import { describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import { expectRefusal } from "../../test/refusal.ts";
import { readReply } from "../../test/reply.ts";
import { testServer } from "../../test/setUp.ts";
import { type RunningServer, startServer } from "../compose.ts";
import { readConfig } from "../config/read.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { catalogue } from "../errors/catalogue.ts";
import type { Log } from "../log.ts";
import { randomBytes } from "../runtime.ts";
import { version } from "../version.ts";

const rootKey = rootKeySecret(randomBytes(24));
const server = testServer();

const get = async (path: string, init: RequestInit = {}) => readReply(await fetch(server.url + path, init));
const documents = [
  "/",
  "/v2/liveness",
  "/health/live",
  "/health/ready",
  "/openapi.json",
  "/errors",
  "/errors/unkey/data/identity_not_found",
];

describe("a response", () => {
  test("has its own request id, the same in header and envelope, and may not be stored", async () => {
    const ids = new Set<string>();
    const atOnce = Array.from({ length: 50 }, () => server.call("identities.listIdentities", {}));
    for (const reply of [
      ...(await Promise.all(atOnce)),
      await server.call("identities.listIdentities", {}),
      await server.call("identities.listIdentities", { limit: 0 }),
      await server.call("identities.listIdentities", {}, { rootKey: "" }),
      await server.call("no.such", {}),
      await server.call("keys.verifyKey", {}, { method: "GET" }),
      await get("/v2/liveness"),
    ]) {
      const id = reply.headers.get("x-request-id");
      expect(reply.body.meta.requestId).toBe(id);
      expect(reply.headers.get("cache-control")).toBe("no-store");
      ids.add(id ?? "");
    }
    expect(ids.size).toBe(56);
  });

  test("of every health check and document says no-store and has a request id, for GET and HEAD", async () => {
    for (const path of documents) {
      for (const method of ["GET", "HEAD"]) {
        const reply = await get(path, { method });
        expect([path, reply.status]).toEqual([path, 200]);
        expect(reply.headers.get("cache-control")).toBe("no-store");
        expect(reply.headers.get("x-request-id")).toMatch(/^req_/);
        if (method === "HEAD") expect(reply.text).toBe("");
      }
    }
  });

  test("of a document to any other method is 405 and names the allowed ones", async () => {
    for (const path of documents) {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const reply = await get(path, { method });
        expectRefusal(reply, "method_not_allowed");
        expect(reply.headers.get("allow")).toBe("GET, HEAD");
      }
    }
  });

  test("names an error by an address where this server explains it", async () => {
    const { type } = expectRefusal(
      await server.call("identities.getIdentity", { identity: "no" }),
      "identity_not_found",
    );
    const page = await readReply(await fetch(type));
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.text).toContain("identity_not_found");
    const index = await get("/errors");
    for (const { type } of Object.values(catalogue)) {
      expect(index.text).toContain(`"/errors/${type}"`);
      expect((await get(`/errors/${type}`)).status).toBe(200);
    }
    expectRefusal(await get("/errors/unkey/no/such"), "unknown_operation");
  });
});

test("GET / says what this server is and where to go, in HTML to browsers and in JSON to others", async () => {
  const inJson = await get("/");
  expect(inJson.headers.get("content-type")).toBe("application/json");
  expect(inJson.body).toMatchObject({
    name: "Latchkey",
    version,
    docs: "/docs",
    openapi: "/openapi.json",
    errors: "/errors",
  });
  const inHtml = await get("/", { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
  expect(inHtml.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(inHtml.text).toContain(`Latchkey ${version}`);
  for (const { headers } of [inJson, inHtml]) expect(headers.get("vary")).toBe("Accept");
  for (const path of ["/docs", "/openapi.json", "/errors", "/health/ready"]) {
    expect(inHtml.text).toContain(`href="${path}"`);
    expect(Object.values(inJson.body)).toContain(path);
    expect((await get(path)).status).toBe(200);
  }
});

test("browsers may treat a page as nothing but HTML, and may load nothing but its own style", async () => {
  const pages = [
    "/",
    "/docs",
    "/docs/reference/keys.verifyKey",
    "/errors",
    ...Object.values(catalogue).map(({ type }) => `/errors/${type}`),
  ];
  for (const path of pages) {
    const page = await get(path, { headers: { accept: "text/html,*/*;q=0.8" } });
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    const policy = page.headers.get("content-security-policy")?.split("; ") ?? [];
    const [, style = ""] = /<style>(.*?)<\/style>/.exec(page.text) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`style-src 'sha256-${hash("sha256", style, "base64")}'`);
    expect(policy.some((one) => one.startsWith("script-src"))).toBe(false);
    expect(page.text).not.toMatch(/ style=|<script|<link|<img| src=/);
  }
});

describe("the content type of an error", () => {
  const typeOf = async (operation: string, body: unknown, accept?: string) => {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    return (await server.call(operation, body, { headers })).headers.get("content-type");
  };
  const json = "application/json";
  const problem = "application/problem+json";

  test("is problem+json if the client asks for it by name, otherwise JSON, even if the client accepts anything", async () => {
    for (const body of [{}, { identity: "unknown" }]) {
      for (const accept of [
        undefined,
        json,
        "*/*",
        "application/*",
        "text/html",
        "application/xml;q=0.9, */*",
      ]) {
        expect(await typeOf("identities.getIdentity", body, accept)).toBe(json);
      }
      for (const accept of [problem, "Application/Problem+JSON", `text/html, ${problem};q=0.5`]) {
        expect(await typeOf("identities.getIdentity", body, accept)).toBe(problem);
      }
    }
    expect(await typeOf("identities.listIdentities", {}, problem)).toBe(json); // a success
  });

  test("of deleteIdentity is always problem+json, while its success is JSON", async () => {
    for (const accept of [undefined, json, "*/*"]) {
      for (const body of [{}, { identity: "unknown" }, { identity: 5 }]) {
        expect(await typeOf("identities.deleteIdentity", body, accept)).toBe(problem);
      }
      await server.call("identities.createIdentity", { externalId: "gone" });
      expect(await typeOf("identities.deleteIdentity", { identity: "gone" }, accept)).toBe(json);
    }
    const refused = await server.call(
      "identities.deleteIdentity",
      {},
      { rootKey: "", headers: { accept: json } },
    );
    expect(refused.headers.get("content-type")).toBe(problem);
  });
});

test("a success of deleteIdentity has no data, and absent fields are omitted", async () => {
  await server.call("identities.createIdentity", { externalId: "short" });
  const read = await server.call("identities.getIdentity", { identity: "short" });
  expect(read.body.data).toEqual({ id: read.body.data.id, externalId: "short", meta: {}, ratelimits: [] });
  const listed = await server.call("identities.listIdentities", { search: "short" });
  expect(listed.body.pagination).toEqual({ hasMore: false });
  const deleted = await server.call("identities.deleteIdentity", { identity: "short" });
  expect(Object.keys(deleted.body)).toEqual(["meta"]);
});

/** Starts a server with this log, on a database in memory. */
function start(log: Log): Promise<RunningServer> {
  return startServer(readConfig({ PORT: "0", DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey }), {
    nowMs: Date.now,
    monotonicMs: Date.now,
    log,
    keepRootKey: () => undefined,
  });
}

test("once a stop begins, readiness fails and every response closes its connection", async () => {
  const leaving = await start(() => undefined);
  const call = (operation: string, body: object) =>
    fetch(`${leaving.url}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  const replies = async () => [
    await call("identities.listIdentities", {}),
    await call("identities.getIdentity", { identity: "no" }),
    await call("no.such", {}),
    ...(await Promise.all(documents.map((path) => fetch(leaving.url + path)))),
  ];
  for (const { url, headers } of await replies()) {
    if (url.endsWith("/openapi.json")) continue; // a large response ends its connection even without a drain
    expect(headers.get("connection")).not.toBe("close");
  }
  void leaving.drain();
  for (const reply of await replies()) expect(reply.headers.get("connection")).toBe("close");
  const ready = await fetch(`${leaving.url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: "shutting down" }]);
  expect((await fetch(`${leaving.url}/health/live`)).status).toBe(200);
  expect((await call("identities.createIdentity", { externalId: "late" })).status).toBe(200);
  await leaving.stop();
});

test("if the log cannot be written, the client gets the error envelope and the server keeps running", async () => {
  const mute = await start((_, event) => {
    if (event === "request") throw new Error("no space left");
  });
  expectRefusal(await readReply(await fetch(`${mute.url}/v2/no.such`)), "unexpected_error");
  expect((await fetch(`${mute.url}/health/live`)).status).toBe(200);
  await mute.stop();
});
