/** Tests that the server works normally if a collector is missing, slow or failing. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Collector, startCollector } from "../../test/collector.ts";
import { startTest, type TestServer } from "../../test/harness.ts";
import { callServer, freePort, newFolder, startServing } from "../../test/program.ts";
import { until } from "../../test/until.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { randomBytes } from "../runtime.ts";

const complaints = ({ log }: TestServer) => log.filter((line) => line.includes('"event":"traces"'));
const never = () => new Promise<Response>(() => undefined);

/** Sends many requests and expects each to succeed. */
async function sendMany({ call }: TestServer): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => call("identities.listIdentities", {})),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  }
}

const refusing = () => new Response("canary of the collector", { status: 500 });
const failing: { name: string; start: () => Promise<{ url: string; stop(): Promise<void> }> }[] = [
  {
    name: "is missing",
    start: async () => ({ url: `http://127.0.0.1:${await freePort()}`, stop: async () => undefined }),
  },
  { name: "returns 500", start: async () => startCollector(refusing) },
  { name: "never responds", start: async () => startCollector(never) },
];

test.each(failing)(
  "if the collector $name, requests still succeed, and the log reports it once a minute",
  async ({ start }) => {
    const { url, stop } = await start();
    const server = await startTest({
      config: {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_BSP_SCHEDULE_DELAY: "1",
        OTEL_BSP_EXPORT_TIMEOUT: "50",
        OTEL_EXPORTER_OTLP_TIMEOUT: "50",
      },
    });
    await sendMany(server);
    await until(() => complaints(server).length > 0);
    await sendMany(server);
    expect(complaints(server)).toHaveLength(1);
    expect(complaints(server)[0]).not.toContain("canary");
    server.clock.advance(60_000);
    await sendMany(server);
    await until(async () => {
      await server.call("no.such", {}); // creates another span that cannot be sent
      return complaints(server).length > 1;
    });
    expect(complaints(server)).toHaveLength(2);
    expect(JSON.parse(complaints(server)[1] ?? "{}")).toMatchObject({ level: "warn", event: "traces" });
    await server.stop();
    await stop();
  },
);

test("the queue for a slow collector is bounded: while it is full, spans are dropped, and later spans are sent again", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const collector = startCollector(async () => {
    await released;
    return Response.json({});
  });
  const server = await startTest({
    config: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "1",
      OTEL_BSP_MAX_QUEUE_SIZE: "10",
    },
  });
  for (let i = 0; i < 200; i += 1) await server.call("no.such", {});
  release();
  await until(() => collector.spans().length > 10);
  const last = await server.call("no.such", {});
  await server.stop();
  const ids = collector.spans().map(({ attributes }) => attributes["latchkey.request_id"]);
  expect(ids).toContain(last.headers.get("x-request-id") ?? "");
  expect(ids.length).toBeLessThanOrEqual(10 + 10 + 1); // one batch in flight, one full queue, and the last span
  await collector.stop();
});

test.concurrent("a server stops even if the collector never responds", async () => {
  const collector = startCollector(never);
  const server = await startTest({ config: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  await server.call("identities.listIdentities", {});
  await server.stop();
  expect(collector.spans().length).toBeGreaterThan(0);
  await collector.stop();
});

/**
 * Starts the server as a process that sends spans only after a long delay. So spans arrive only if the process sends
 * them when it stops.
 */
async function serveTo(collector: Collector) {
  const rootKey = rootKeySecret(randomBytes(24));
  const program = await startServing({
    cwd: newFolder(),
    env: {
      DATABASE_URL: ":memory:",
      LATCHKEY_ROOT_KEY: rootKey,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "600000",
    },
  });
  const { headers } = await callServer(program.url, rootKey, "identities.listIdentities", {});
  return { program, requestId: headers.get("x-request-id") };
}

test.concurrent("after SIGTERM the queued spans are sent before the process exits", async () => {
  const collector = startCollector();
  const { program, requestId } = await serveTo(collector);
  expect(collector.spans()).toEqual([]);
  program.child.kill("SIGTERM");
  const { code, signal } = await program.ended;
  expect([code, signal]).toEqual([0, null]);
  expect(collector.spans().map(({ attributes }) => attributes["latchkey.request_id"])).toContain(
    requestId ?? "",
  );
  await collector.stop();
}, 20_000);

test.concurrent("a signal ends the process cleanly even if the collector never responds", async () => {
  const collector = startCollector(never);
  const { program } = await serveTo(collector);
  program.child.kill("SIGINT");
  const { code, signal } = await program.ended;
  expect([code, signal]).toEqual([0, null]);
  expect(collector.spans().length).toBeGreaterThan(0);
  await collector.stop();
}, 20_000);

/** Returns the modules that a running server has loaded. */
async function loadedWith(environment: Record<string, string>) {
  const program = join(import.meta.dir, "../../test/nodes/loadedModules.ts");
  const child = Bun.spawn([process.execPath, program], {
    env: { PATH: process.env["PATH"], PORT: "0", DATABASE_URL: ":memory:", ...environment },
    stdout: "pipe",
    stderr: "inherit",
  });
  return JSON.parse(await new Response(child.stdout).text());
}

test.concurrent("OpenTelemetry is loaded only if an endpoint is set and traces are on, and the documentation only when it is opened", async () => {
  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  const off = { status: 401, compose: true, tracing: false, opentelemetry: false, pages: false };
  expect(await loadedWith({ OTEL_SERVICE_NAME: "keys" })).toEqual(off);
  expect(await loadedWith({ ...on, OTEL_SDK_DISABLED: "true" })).toEqual(off);
  expect(await loadedWith(on)).toEqual({ ...off, tracing: true, opentelemetry: true });
});
