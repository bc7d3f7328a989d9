import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTest, type TestServer } from "../test/harness.ts";
import { freePort } from "../test/program.ts";
import { makeMetrics } from "./metrics.ts";

type Sample = { name: string; labels: Record<string, string>; value: number };

/** Reads Prometheus' text format. Throws if a sample comes before the HELP and TYPE lines of its metric. */
function parse(text: string): { samples: Sample[]; types: Map<string, string> } {
  expect(text.endsWith("\n")).toBe(true);
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  const helped = new Set<string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, family = "", rest] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      expect(helped.has(family)).toBe(false);
      helped.add(family);
    } else if (kind === "TYPE") {
      expect(helped.has(family)).toBe(true);
      expect(["counter", "gauge", "histogram"]).toContain(rest ?? "");
      types.set(family, rest ?? "");
    } else {
      samples.push(parseSample(line, types));
    }
  }
  return { samples, types };
}

function parseSample(line: string, types: Map<string, string>): Sample {
  const [, name = "", , labelText = "", value = ""] =
    /^([a-z_]+)(\{([^{}]*)\})? (-?\d+(?:\.\d+)?(?:e-?\d+)?|NaN)$/.exec(line) ?? [];
  expect([line, name]).not.toEqual([line, ""]);
  const family = name.replace(/_(bucket|sum|count)$/, "");
  expect([line, types.has(family) || types.has(name)]).toEqual([line, true]);
  const labels = Object.fromEntries(
    [...labelText.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((match) => [
      match[1] ?? "",
      match[2] ?? "",
    ]),
  );
  return { name, labels, value: Number(value) };
}

const duration = "http_server_request_duration_seconds";

describe("metrics", () => {
  test("are well-formed text from the first moment, and after every kind of event", () => {
    const metrics = makeMetrics();
    parse(metrics.render());
    metrics.request("keys.verifyKey", "POST", 200, 0.4);
    metrics.request(undefined, "BREW", 404, 1e-7);
    metrics.countersEvicted(3, true);
    metrics.countersEvicted(2, false);
    metrics.changePropagated(120);
    metrics.gauge("latchkey_things", "Things.", () => 7);
    metrics.counter("latchkey_done_total", "Things done.", () => [{ labels: 'kind="a"', value: 3 }]);
    const { samples, types } = parse(metrics.render());
    expect(samples).toContainEqual({ name: "latchkey_things", labels: {}, value: 7 });
    expect(samples).toContainEqual({
      name: "latchkey_counters_evicted_total",
      labels: { live: "true" },
      value: 3,
    });
    expect(samples).toContainEqual({
      name: "latchkey_counters_evicted_total",
      labels: { live: "false" },
      value: 2,
    });
    expect(samples).toContainEqual({ name: "latchkey_done_total", labels: { kind: "a" }, value: 3 });
    expect(samples).toContainEqual({
      name: `${duration}_count`,
      labels: { http_request_method: "_OTHER", http_response_status_code: "404", url_scheme: "http" },
      value: 1,
    });
    expect(types.get(duration)).toBe("histogram");
  });

  test("count every request in its own bucket and all above it", () => {
    const metrics = makeMetrics();
    for (const ms of [0, 1, 1.01, 4, 250, 2501, 60_000]) metrics.request("keys.verifyKey", "POST", 200, ms);
    metrics.request("keys.verifyKey", "POST", 500, 3);
    const { samples } = parse(metrics.render());
    const of = (name: string, status: string) =>
      samples.filter((one) => one.name === name && one.labels["http_response_status_code"] === status);
    const buckets = of(`${duration}_bucket`, "200").map(({ labels, value }) => [labels["le"], value]);
    expect(buckets.slice(0, 3)).toEqual([
      ["0.001", 2],
      ["0.002", 3],
      ["0.005", 4],
    ]);
    expect(buckets.at(-1)).toEqual(["+Inf", 7]);
    for (const [index, [, value]] of buckets.entries()) {
      expect(Number(value)).toBeGreaterThanOrEqual(Number(buckets[index - 1]?.[1] ?? 0));
    }
    expect(of(`${duration}_count`, "200")[0]?.value).toBe(7);
    expect(of(`${duration}_sum`, "200")[0]?.value).toBeCloseTo(62.75701, 5);
    expect(of(`${duration}_count`, "500")[0]?.value).toBe(1);
  });
});

describe("on a running server", () => {
  let server: TestServer;
  let address: string;
  beforeAll(async () => {
    address = `127.0.0.1:${await freePort()}`;
    server = await startTest({ config: { METRICS_ADDRESS: address } });
  });
  afterAll(() => server.stop());
  const scrape = async () => parse(await (await fetch(`http://${address}/metrics`)).text()).samples;
  const countOf = (samples: Sample[], operation: string | undefined, status: number) =>
    samples.find(
      ({ name, labels }) =>
        name === `${duration}_count` &&
        labels["http_request_method"] === "POST" &&
        labels["http_route"] === (operation && `/v2/${operation}`) &&
        labels["http_response_status_code"] === String(status),
    )?.value ?? 0;

  test("they are at /metrics of their own address, and nowhere else", async () => {
    const response = await fetch(`http://${address}/metrics`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    expect((await fetch(`http://${address}/v2/liveness`)).status).toBe(404);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
  });

  test("they count each operation by its outcome, contain no secret, and do not grow with the number of different requests", async () => {
    const { call } = server;
    await call("identities.createIdentity", {
      externalId: "canary_owner",
      meta: { a: "canary-meta" },
      ratelimits: [{ name: "canary-limit", limit: 10, duration: 60_000, autoApply: true }],
    });
    await call("identities.createIdentity", { externalId: "canary_owner" });
    const { apiId } = (await call("apis.createApi", { name: "canary-api" })).body.data;
    const { key } = (await call("keys.createKey", { apiId, externalId: "canary_owner" })).body.data;
    for (let i = 0; i < 12; i += 1) await call("keys.verifyKey", { key });
    await call("keys.verifyKey", {});
    await call("canary.unknown", {});
    const before = await scrape();
    for (let i = 0; i < 30; i += 1) {
      await call(`canary.unknown${i}`, {});
      await call("identities.getIdentity", { identity: `canary_${i}` });
    }
    const samples = await scrape();

    expect(countOf(samples, "identities.createIdentity", 200)).toBe(1);
    expect(countOf(samples, "identities.createIdentity", 409)).toBe(1);
    expect(countOf(samples, "keys.verifyKey", 200)).toBe(12);
    expect(countOf(samples, "keys.verifyKey", 400)).toBe(1);
    expect(countOf(samples, undefined, 404)).toBe(30 + countOf(before, undefined, 404));
    expect(countOf(samples, "identities.getIdentity", 404)).toBe(30);
    const text = await (await fetch(`http://${address}/metrics`)).text();
    for (const secret of ["canary", key, apiId, server.rootKey, server.workspaceId])
      expect(text).not.toContain(secret);
    const families = (all: Sample[]) =>
      new Set(all.map((one) => `${one.name} ${one.labels["http_route"]}`)).size;
    expect(families(samples)).toBe(families(before) + 3); // only the route of getIdentity is new: bucket, sum and count
  });

  test("they say how many rate limit counters there are and what these take", async () => {
    const gauge = async (name: string) => (await scrape()).find((one) => one.name === name)?.value ?? 0;
    const before = await gauge("latchkey_counters");
    for (let i = 0; i < 25; i += 1) {
      await server.call("ratelimit.limit", {
        namespace: "n",
        identifier: `i${i}`,
        limit: 1,
        duration: 60_000,
      });
    }
    expect(await gauge("latchkey_counters")).toBe(before + 25);
    expect(await gauge("latchkey_counter_memory_bytes")).toBeGreaterThan(25 * 50);
  });
});

/** the names of OpenTelemetry's semantic conventions, in the form that Prometheus uses */
const semanticNames = [
  duration,
  "process_cpu_time_seconds_total",
  "process_memory_usage_bytes",
  "process_uptime_seconds",
];

describe("on a server with every part", () => {
  let server: TestServer;
  let address: string;
  beforeAll(async () => {
    address = `127.0.0.1:${await freePort()}`;
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    server = await startTest({ config: { METRICS_ADDRESS: address, REDIS_URL: nowhere } });
  });
  afterAll(() => server.stop());
  const scrape = async () => parse(await (await fetch(`http://${address}/metrics`)).text());

  test("the name of each metric is OpenTelemetry's or begins with latchkey_, and ends in _total if the metric is a counter", async () => {
    const { types } = await scrape();
    expect([...types.keys()]).toEqual(expect.arrayContaining(semanticNames));
    expect([...types.keys()]).toContain("latchkey_local_decisions_total");
    for (const [name, type] of types) {
      expect([name, name.startsWith("latchkey_") || semanticNames.includes(name)]).toEqual([name, true]);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
    }
  });

  test("decisions without Redis are counted, and there are metrics for the process's CPU time and memory", async () => {
    const valueIn = async (name: string, labels: Record<string, string> = {}) =>
      (await scrape()).samples.find((one) => one.name === name && Bun.deepEquals(one.labels, labels))?.value;
    const limit = { namespace: "n", identifier: "i", limit: 5, duration: 60_000 };
    await server.call("ratelimit.limit", limit);
    expect(await valueIn("latchkey_local_decisions_total")).toBe(1);
    expect(await valueIn("latchkey_redis_up")).toBe(0);
    const { rss } = process.memoryUsage();
    expect(await valueIn("process_memory_usage_bytes")).toBeGreaterThan(rss / 2);
    const { user } = process.cpuUsage();
    expect(await valueIn("process_cpu_time_seconds_total", { cpu_mode: "user" })).toBeGreaterThanOrEqual(
      user / 1e6,
    );
    expect(await valueIn("process_uptime_seconds")).toBeGreaterThan(0);
  });
});
