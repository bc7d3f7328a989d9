/** What every answer carries: envelope, content type and headers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTest, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { readReply } from "../../test/reply.ts";
import { type RunningServer, startServer } from "../compose.ts";
import { readConfig } from "../config.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { catalogue } from "../errors.ts";
import type { Log } from "../log.ts";
import { randomBytes } from "../runtime.ts";

const rootKey = rootKeySecret(randomBytes(24));
let server: TestServer;
beforeAll(async () => {
  server = await startTest();
});
afterAll(() => server.stop());

const get = async (path: string, init: RequestInit = {}) => readReply(await fetch(server.url + path, init));
const documents = [
  "/v2/liveness",
  "/health/live",
  "/health/ready",
  "/openapi.json",
  "/errors",
  "/errors/unkey/data/identity_not_found",
];

describe("an answer", () => {
  test("carries its request id in header and envelope, another one each time, and may not be stored", async () => {
    const ids = new Set<string>();
    for (const answer of [
      await server.call("identities.listIdentities", {}),
      await server.call("identities.listIdentities", { limit: 0 }),
      await server.call("identities.listIdentities", {}, { rootKey: "" }),
      await server.call("no.such", {}),
      await server.call("keys.verifyKey", {}, { method: "GET" }),
      await get("/v2/liveness"),
    ]) {
      const id = answer.headers.get("x-request-id");
      expect(answer.body.meta.requestId).toBe(id);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      ids.add(id ?? "");
    }
    expect(ids.size).toBe(6);
  });

  test("of every health check and document says no-store and has a request id, to HEAD too", async () => {
    for (const path of documents) {
      for (const method of ["GET", "HEAD"]) {
        const answer = await get(path, { method });
        expect([path, answer.status]).toEqual([path, 200]);
        expect(answer.headers.get("cache-control")).toBe("no-store");
        expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
        if (method === "HEAD") expect(answer.text).toBe("");
      }
    }
  });

  test("of a document to another method is 405 with what is allowed", async () => {
    for (const path of documents) {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const answer = await get(path, { method });
        expectRefusal(answer, "method_not_allowed");
        expect(answer.headers.get("allow")).toBe("GET, HEAD");
      }
    }
  });

  test("names an error by an address at which this server explains it", async () => {
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

describe("the content type of an error", () => {
  const typeOf = async (operation: string, body: unknown, accept?: string) => {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    return (await server.call(operation, body, { headers })).headers.get("content-type");
  };
  const json = "application/json";
  const problem = "application/problem+json";

  test("is JSON, also to one who takes anything, and problem+json where it is asked for by name", async () => {
    for (const body of [{}, { identity: "nobody" }]) {
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
    expect(await typeOf("identities.listIdentities", {}, problem)).toBe(json); // no error
  });

  test("of deleteIdentity is always problem+json, its success JSON", async () => {
    for (const accept of [undefined, json, "*/*"]) {
      for (const body of [{}, { identity: "nobody" }, { identity: 5 }]) {
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

test("a success of deleteIdentity has no data, and what is absent is left away", async () => {
  await server.call("identities.createIdentity", { externalId: "short" });
  const read = await server.call("identities.getIdentity", { identity: "short" });
  expect(read.body.data).toEqual({ id: read.body.data.id, externalId: "short", meta: {}, ratelimits: [] });
  const listed = await server.call("identities.listIdentities", { search: "short" });
  expect(listed.body.pagination).toEqual({ hasMore: false });
  const deleted = await server.call("identities.deleteIdentity", { identity: "short" });
  expect(Object.keys(deleted.body)).toEqual(["meta"]);
});

/** A server with this log, on a database in memory. */
function start(log: Log): Promise<RunningServer> {
  return startServer(readConfig({ PORT: "0", DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey }), {
    nowMs: Date.now,
    monotonicMs: Date.now,
    log,
    keepRootKey: () => undefined,
  });
}

test("a stop that begins makes readiness fail and every answer from then on close its connection", async () => {
  const leaving = await start(() => undefined);
  const call = (operation: string, body: object) =>
    fetch(`${leaving.url}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  const answers = async () => [
    await call("identities.listIdentities", {}),
    await call("identities.getIdentity", { identity: "no" }),
    await call("no.such", {}),
    ...(await Promise.all(documents.map((path) => fetch(leaving.url + path)))),
  ];
  for (const answer of await answers()) expect(answer.headers.get("connection")).not.toBe("close");
  leaving.drain();
  for (const answer of await answers()) expect(answer.headers.get("connection")).toBe("close");
  const ready = await fetch(`${leaving.url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: "shutting down" }]);
  expect((await fetch(`${leaving.url}/health/live`)).status).toBe(200);
  expect((await call("identities.createIdentity", { externalId: "late" })).status).toBe(200);
  await leaving.stop();
});

test("a log that cannot be written leaves a client with the error envelope and the server running", async () => {
  const mute = await start((_, event) => {
    if (event === "request") throw new Error("no space left");
  });
  expectRefusal(await readReply(await fetch(`${mute.url}/v2/no.such`)), "unexpected_error");
  expect((await fetch(`${mute.url}/health/live`)).status).toBe(200);
  await mute.stop();
});
