import { randomUUID } from "node:crypto";
import { DiagLogLevel, diag, type Tracer } from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { RequestTracing } from "../http/exchange.ts";
import type { Log } from "../log.ts";
import type { Services } from "../services.ts";
import type { Engine } from "../storage/engine.ts";
import { requestTracing } from "./requests.ts";
import { tracedCounters, tracedEngine, tracedLog, tracedSpending } from "./services.ts";
import { type Otel, type TracingSettings, tracingSettings } from "./settings.ts";

/** Wrappers that add spans to the parts of the server. */
export type Tracing = {
  requests: RequestTracing;
  engine(engine: Engine): Engine;
  /** Adds spans to the services. `shared`: whether the counters are in Redis. */
  services(services: Services, shared: boolean): Services;
  log: Log;
  /** Sends the remaining spans, for at most two seconds. */
  close(): Promise<void>;
};

type Surroundings = { log: Log; monotonicMs(): number };

const closeWithinMs = 2_000;
const complainEveryMs = 60_000;

/** Starts tracing. Returns `undefined` if no valid endpoint is set. This file is loaded only if traces are enabled. */
export async function startTracing(otel: Otel, surroundings: Surroundings): Promise<Tracing | undefined> {
  const { settings, ignored } = tracingSettings(otel);
  for (const message of ignored) surroundings.log("warn", "traces", { message });
  if (settings === undefined) return undefined;
  diag.setLogger(complaints(surroundings), {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  });
  const provider = await startProvider(settings);
  return tracingWith(provider.getTracer("latchkey"), settings, surroundings.log, async () => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeWithinMs);
    });
    const sent = provider.shutdown().catch(() => undefined); // the exporter has logged the error already
    await Promise.race([sent, late]);
    clearTimeout(timer);
  });
}

function tracingWith(tracer: Tracer, settings: TracingSettings, log: Log, close: Tracing["close"]): Tracing {
  return {
    requests: requestTracing(tracer, settings.continues),
    engine: (engine) => tracedEngine(engine, tracer),
    services: (services, shared) => ({
      ...services,
      counters: shared ? tracedCounters(services.counters, tracer) : services.counters,
      spendCredits: tracedSpending(services.spendCredits, services.engine, tracer),
    }),
    log: tracedLog(log),
    close,
  };
}

/**
 * Creates the provider of spans. Finished spans wait in a bounded queue to be sent. While the queue is full, further
 * spans are dropped, so that no request waits for the collector.
 */
async function startProvider(settings: TracingSettings): Promise<TracerProvider> {
  const { batch, resource } = settings;
  return new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ "service.instance.id": randomUUID(), ...resource }),
    ),
    sampler: samplerOf(settings.sampler),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: await exporterOf(settings),
        maxQueueSize: batch.maxQueueSpans,
        maxExportBatchSize: batch.maxBatchSpans,
        scheduledDelayMillis: batch.delayMs,
        exportTimeoutMillis: batch.exportTimeoutMs,
      }),
    ],
  });
}

async function exporterOf({ protocol, url, headers, timeoutMs }: TracingSettings) {
  const options = { url, headers, timeoutMillis: timeoutMs };
  if (protocol === "http/json") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    return new OTLPTraceExporter(options);
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter(options);
}

function samplerOf({ name, ratio }: TracingSettings["sampler"]) {
  const roots = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const [, based, root] = /^(parentbased_)?(.+)$/.exec(name) ?? [];
  const sampler = roots[root as keyof typeof roots]();
  return based === undefined ? sampler : new ParentBasedSampler({ root: sampler });
}

/**
 * Returns a logger for the OpenTelemetry packages. It writes their messages to the server's log, at most one
 * per minute.
 */
function complaints({ log, monotonicMs }: Surroundings) {
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  const complain = (...said: unknown[]) => {
    if (monotonicMs() < quietUntilMs) return;
    quietUntilMs = monotonicMs() + complainEveryMs;
    log("warn", "traces", { message: sentenceOf(said) });
  };
  const nothing = () => undefined;
  return { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing };
}

/**
 * Joins the first two arguments of a log call to one sentence. They are the message, or a component's name and the
 * message. Drops further arguments, because they may contain the collector's response.
 */
function sentenceOf(said: readonly unknown[]): string {
  const text = said
    .slice(0, 2)
    .filter((one) => typeof one === "string")
    .join(": ");
  return (failureOf(text) ?? text).slice(0, 200);
}

/**
 * Extracts the reason from the report of a failed batch. The report is JSON that also has a stack and the collector's
 * response, which must not get into the log. Returns `undefined` for other messages.
 */
function failureOf(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const { message = "", code } = JSON.parse(text) as { message?: string; code?: string };
    const reason = code === undefined || message.includes(code) ? message : `${message} ${code}`;
    return `Spans could not be sent: ${reason}`;
  } catch {
    return undefined;
  }
}
