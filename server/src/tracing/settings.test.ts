import { describe, expect, test } from "bun:test";
import { readConfig } from "../config/read.ts";
import { tracingSettings } from "./settings.ts";

const endpoint = "http://collector:4318";
const on = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
const settingsOf = (more: Record<string, string> = {}) => tracingSettings({ ...on, ...more });

describe("traces", () => {
  test("are sent only if an endpoint is set and no variable turns them off", () => {
    for (const environment of [
      {},
      { OTEL_SERVICE_NAME: "keys", OTEL_TRACES_SAMPLER: "always_on" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint },
      { ...on, OTEL_SDK_DISABLED: "true" },
      { ...on, OTEL_SDK_DISABLED: "True" },
      { ...on, OTEL_TRACES_EXPORTER: "none" },
      { ...on, OTEL_TRACES_EXPORTER: "console" },
    ]) {
      expect([environment, readConfig(environment).otel]).toEqual([environment, undefined]);
    }
    for (const environment of [
      on,
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint },
      { ...on, OTEL_SDK_DISABLED: "false" },
      { ...on, OTEL_TRACES_EXPORTER: "console, otlp" },
    ]) {
      expect(readConfig({ ...environment, PATH: "/bin" }).otel).toEqual(environment);
    }
  });
});

describe("the standard variables", () => {
  test("have the specification's defaults, and this program's name", () => {
    expect(settingsOf()).toEqual({
      settings: {
        url: `${endpoint}/v1/traces`,
        protocol: "http/protobuf",
        headers: {},
        timeoutMs: 10_000,
        resource: { "service.name": "latchkey" },
        sampler: { name: "parentbased_always_on", ratio: 1 },
        batch: { maxQueueSpans: 2048, maxBatchSpans: 512, delayMs: 5000, exportTimeoutMs: 30_000 },
        continues: true,
      },
      ignored: [],
    });
  });

  test("all take effect, and the variables for traces override the general ones", () => {
    const { settings, ignored } = settingsOf({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example.com/otlp?x=1",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc=, x-team = keys",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-team=traces",
      OTEL_EXPORTER_OTLP_TIMEOUT: "2000",
      OTEL_SERVICE_NAME: "keys",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=a%2Cb",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_PROPAGATORS: "none",
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "512",
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_BSP_EXPORT_TIMEOUT: "700",
    });
    expect(ignored).toEqual([]);
    expect(settings).toEqual({
      url: "https://traces.example.com/otlp?x=1",
      protocol: "http/json",
      headers: { authorization: "Bearer abc=", "x-team": "traces" },
      timeoutMs: 2000,
      resource: { "service.name": "keys", "deployment.environment.name": "a,b" },
      sampler: { name: "parentbased_traceidratio", ratio: 0.25 },
      batch: { maxQueueSpans: 100, maxBatchSpans: 100, delayMs: 50, exportTimeoutMs: 700 },
      continues: false,
    });
  });

  test("with invalid values count as unset, and each is reported without quoting headers", () => {
    const standard = settingsOf().settings;
    for (const [name, value] of [
      ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "canary"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=%zz,canary=1"],
      ["OTEL_RESOURCE_ATTRIBUTES", "a=1,b"],
      ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
      ["OTEL_TRACES_SAMPLER_ARG", "2"],
      ["OTEL_TRACES_SAMPLER_ARG", "half"],
      ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
      ["OTEL_BSP_SCHEDULE_DELAY", "-1"],
      ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
      ["OTEL_PROPAGATORS", "tracecontext,b3"],
    ] as const) {
      const { settings, ignored } = settingsOf({ [name]: value });
      expect([name, value, settings]).toEqual([name, value, standard]);
      expect(ignored).toHaveLength(1);
      expect(ignored[0]).toStartWith(name);
      if (name.endsWith("HEADERS")) expect(ignored[0]).not.toContain("canary");
    }
  });

  test("with an invalid endpoint give no settings, and the report does not quote the endpoint", () => {
    for (const url of ["collector:4318", "grpc://collector:4317", "http://", "/v1/traces"]) {
      const { settings, ignored } = tracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
      expect([url, settings]).toEqual([url, undefined]);
      expect(ignored).toEqual([
        "OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// address, so no traces are sent.",
      ]);
    }
  });
});
