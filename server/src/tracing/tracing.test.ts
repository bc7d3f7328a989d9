import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Collector, type Sent, startCollector } from "../../test/collector.ts";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { type Services, startServices } from "../../test/services.ts";
import { until } from "../../test/until.ts";

/** Settings with which spans are sent after 1 ms, as JSON. */
const atOnce = { OTEL_BSP_SCHEDULE_DELAY: "1", OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" };
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = (sampled = true) => ({ traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}` });

/** Waits for the span of this request. */
const requestSpan = ({ spans }: Collector, requestId: string | null) =>
  until(() => spans().find((span) => span.attributes["latchkey.request_id"] === requestId));
const childrenOf = ({ spans }: Collector, parent: Sent) =>
  spans().filter((span) => span.parentSpanId === parent.spanId);

async function makeKey({ call }: TestServer, more: object = {}): Promise<{ key: string; apiId: string }> {
  const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
  const { key } = (await call("keys.createKey", { apiId, ...more })).body.data;
  return { key, apiId };
}

describe.each(engines)("on $name", (engine) => {
  let collector: Collector;
  let server: TestServer;
  beforeAll(async () => {
    collector = startCollector();
    const config = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...atOnce };
    server = await startTest({ engine, config });
  });
  afterAll(async () => {
    await server.stop();
    await collector.stop();
  });
  const system = engine.name === "postgres" ? "postgresql" : "sqlite";

  test("a request is a span that continues the caller's trace and records the operation and the outcome", async () => {
    const { key } = await makeKey(server);
    const response = await server.call("keys.verifyKey", { key }, { headers: traceparent() });
    const { port } = new URL(server.url);
    const requestId = response.headers.get("x-request-id");
    expect(await requestSpan(collector, requestId)).toMatchObject({
      name: "POST /v2/keys.verifyKey",
      kind: 2,
      traceId,
      parentSpanId: spanId,
      status: 0,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v2/keys.verifyKey",
        "http.response.status_code": 200,
        "url.path": "/v2/keys.verifyKey",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": Number(port),
        "latchkey.operation": "keys.verifyKey",
        "latchkey.request_id": requestId,
        "latchkey.workspace_id": server.workspaceId,
        "latchkey.code": "VALID",
      },
    });
  });

  test("the span of a refused request has the error's code, and is not marked as failed", async () => {
    const response = await server.call("identities.getIdentity", { identity: "nobody" });
    const span = await requestSpan(collector, response.headers.get("x-request-id"));
    expect(span.attributes).toMatchObject({
      "http.response.status_code": 404,
      "latchkey.code": "identity_not_found",
    });
    expect([span.status, span.attributes["error.type"], span.parentSpanId]).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });

  test("statements are child spans of their request, or of its transaction", async () => {
    const response = await server.call("identities.createIdentity", { externalId: "user_1" });
    const request = await requestSpan(collector, response.headers.get("x-request-id"));
    const [transaction] = childrenOf(collector, request).filter(({ name }) => name === "transaction");
    if (transaction === undefined) throw new Error("the transaction has no span");
    expect(transaction).toMatchObject({ kind: 3, attributes: { "db.system.name": system }, status: 0 });
    const inside = childrenOf(collector, transaction);
    expect(inside.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["insert identities", "insert auditEvents"]),
    );
    for (const span of [transaction, ...inside]) expect(span.traceId).toBe(request.traceId);
    expect(inside[0]?.attributes).toEqual({
      "db.system.name": system,
      "db.operation.name": inside[0]?.name.split(" ")[0] ?? "",
      "db.query.summary": inside[0]?.name ?? "",
    });

    const listed = await server.call("identities.listIdentities", {});
    const list = await requestSpan(collector, listed.headers.get("x-request-id"));
    expect(childrenOf(collector, list).map(({ name }) => name)).toContain("select identities");
  });

  test("spending a credit is one child span of its own request, even if requests share the commit", async () => {
    const { key } = await makeKey(server, { credits: { remaining: 1_000 } });
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => server.call("keys.verifyKey", { key })),
    );
    for (const response of responses) {
      const request = await requestSpan(collector, response.headers.get("x-request-id"));
      const children = childrenOf(collector, request);
      const spent = children.filter(({ name }) => name === "spend credits");
      expect(spent).toHaveLength(1);
      expect(childrenOf(collector, spent[0] ?? request)).toEqual([]);
      expect(children.some(({ name }) => name === "transaction")).toBe(false);
    }
  });

  test("a refusal that ends a transaction does not mark the transaction's span as failed", async () => {
    const response = await server.call("identities.createIdentity", { externalId: "user_1" });
    expect(response.status).toBe(409);
    const request = await requestSpan(collector, response.headers.get("x-request-id"));
    const [transaction] = childrenOf(collector, request).filter(({ name }) => name === "transaction");
    expect(transaction).toMatchObject({ status: 0 });
    expect(transaction?.attributes["error.type"]).toBeUndefined();
  });
});

describe("with traces on", () => {
  let collector: Collector;
  let server: TestServer;
  beforeAll(async () => {
    collector = startCollector();
    server = await startTest({
      config: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        ...atOnce,
        OTEL_EXPORTER_OTLP_HEADERS: "x-team=keys",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
        LOG_LEVEL: "debug",
        PUBLIC_URL: "https://keys.example.com/base",
      },
    });
  });
  afterAll(async () => {
    await server.stop();
    await collector.stop();
  });

  test("every event of a request in the log names its trace and its span", async () => {
    const headers = traceparent();
    for (const response of [
      await server.call("identities.listIdentities", {}, { headers }),
      await server.call("identities.listIdentities", { limit: 0 }, { headers }),
      await server.call("no.such", {}, { headers }),
    ]) {
      const span = await requestSpan(collector, response.headers.get("x-request-id"));
      const line = server.log.find((one) => one.includes(String(span.attributes["latchkey.request_id"])));
      expect(JSON.parse(line ?? "{}")).toMatchObject({
        event: "request",
        trace_id: traceId,
        span_id: span.spanId,
      });
    }
  });

  test("spans are sent to /v1/traces with the configured headers, and identify their process", async () => {
    const response = await server.call("identities.listIdentities", {});
    const { resource } = await requestSpan(collector, response.headers.get("x-request-id"));
    expect(resource).toMatchObject({
      "service.name": "latchkey",
      "deployment.environment.name": "test",
      "telemetry.sdk.name": "opentelemetry",
    });
    expect(resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(collector.paths)).toEqual(new Set(["/v1/traces"]));
    expect(collector.headers[0]?.get("x-team")).toBe("keys");
  });

  test("the server address in a span is the server's own, whatever Host header the caller sends", async () => {
    const headers = { Host: "canary.example.com" };
    const response = await server.call("identities.listIdentities", {}, { headers });
    const { attributes } = await requestSpan(collector, response.headers.get("x-request-id"));
    expect(attributes).toMatchObject({
      "server.address": "keys.example.com",
      "server.port": 443,
      "url.scheme": "https",
    });
  });

  test("an invalid traceparent starts a new trace", async () => {
    const headers = { traceparent: `00-${traceId}-${"0".repeat(16)}-01` };
    const response = await server.call("identities.listIdentities", {}, { headers });
    const span = await requestSpan(collector, response.headers.get("x-request-id"));
    expect(span.parentSpanId).toBeUndefined();
    expect(span.traceId).not.toBe(traceId);
  });

  test("a request of a trace that its caller does not sample has no span", async () => {
    const unsampled = await server.call("identities.listIdentities", {}, { headers: traceparent(false) });
    const sampled = await server.call("identities.listIdentities", {});
    await requestSpan(collector, sampled.headers.get("x-request-id"));
    const ids = collector.spans().map(({ attributes }) => attributes["latchkey.request_id"]);
    expect(ids).not.toContain(unsampled.headers.get("x-request-id"));
  });

  test("the span of an unknown path does not contain the path", async () => {
    const response = await server.call("canary.unknown", {}, { method: "DELETE" });
    const span = await requestSpan(collector, response.headers.get("x-request-id"));
    expect(span).toMatchObject({ name: "DELETE", kind: 2 });
    expect(span.attributes).toMatchObject({
      "http.response.status_code": 404,
      "latchkey.code": "unknown_operation",
    });
    expect(collector.bytes().includes("canary")).toBe(false);
  });

  test("health checks and documents have no span", async () => {
    for (const path of ["/health/live", "/health/ready", "/v2/liveness", "/openapi.json", "/errors"]) {
      const before = collector.spans().length;
      expect((await fetch(server.url + path)).status).toBe(200);
      const after = await server.call("no.such", {});
      await requestSpan(collector, after.headers.get("x-request-id"));
      expect([path, collector.spans().length]).toEqual([path, before + 1]);
    }
  });

  test("concurrent requests have separate spans", async () => {
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        server.call("identities.createIdentity", { externalId: `apart_${index}` }),
      ),
    );
    for (const response of responses) {
      const request = await requestSpan(collector, response.headers.get("x-request-id"));
      const names = childrenOf(collector, request).map(({ name }) => name);
      expect(names.filter((name) => name === "transaction")).toHaveLength(1);
    }
  });
});

test("spans are sent as protobuf by default, and queued spans are sent when the server stops", async () => {
  const collector = startCollector();
  const config = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  const server = await startTest({ config });
  const response = await server.call("identities.listIdentities", {}, { headers: traceparent() });
  expect(collector.spans()).toEqual([]);
  await server.stop();
  const span = await requestSpan(collector, response.headers.get("x-request-id"));
  expect(span).toMatchObject({
    name: "POST /v2/identities.listIdentities",
    traceId,
    parentSpanId: spanId,
    kind: 2,
    attributes: { "http.response.status_code": 200, "latchkey.operation": "identities.listIdentities" },
    resource: { "service.name": "latchkey" },
  });
  expect(collector.headers[0]?.get("content-type")).toBe("application/x-protobuf");
  await collector.stop();
});

test("the sampler decides which requests are traced, and only a parent-based one follows the caller", async () => {
  const counts: Record<string, number> = {};
  for (const [sampler, argument] of [
    ["always_off", "1"],
    ["traceidratio", "0"],
    ["traceidratio", "0.5"],
    ["parentbased_traceidratio", "0"],
    ["always_on", "1"],
  ] as const) {
    const collector = startCollector();
    const server = await startTest({
      config: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        ...atOnce,
        OTEL_TRACES_SAMPLER: sampler,
        OTEL_TRACES_SAMPLER_ARG: argument,
      },
    });
    for (let i = 0; i < 64; i += 1) await server.call("no.such", {});
    const last = { headers: traceparent(sampler !== "always_on") };
    await server.call("no.such", {}, last);
    await server.stop();
    counts[`${sampler} ${argument}`] = collector.spans().length;
    await collector.stop();
  }
  const { "traceidratio 0.5": half, ...others } = counts;
  expect(others).toEqual({
    "always_off 1": 0,
    "traceidratio 0": 0,
    "parentbased_traceidratio 0": 1,
    "always_on 1": 65,
  });
  expect(half).toBeGreaterThan(8); // of 64 requests; by chance, it is 8 or fewer once in billions of runs
  expect(half).toBeLessThan(57);
});

describe("with counters in Redis", () => {
  let services: Services;
  beforeAll(async () => {
    services = await startServices("redis");
  });
  afterAll(() => services.stop());

  test("each decision in Redis is a child span of its request", async () => {
    const collector = startCollector();
    const config = {
      REDIS_URL: services.environment["TEST_REDIS_URL"] ?? "",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...atOnce,
    };
    const server = await startTest({ config });
    const limit = { namespace: "n", identifier: "canary", limit: 5, duration: 60_000 };
    await server.call("ratelimit.limit", limit);
    const response = await server.call("ratelimit.limit", limit);
    const request = await requestSpan(collector, response.headers.get("x-request-id"));
    const [hit] = childrenOf(collector, request).filter(({ name }) => name === "redis hit");
    expect(hit).toMatchObject({
      kind: 3,
      attributes: { "db.system.name": "redis", "db.operation.name": "hit" },
    });
    expect(collector.bytes().includes("canary")).toBe(false);
    await server.stop();
    await collector.stop();
  });
});
