/** The values of the standard OpenTelemetry variables that are set, by the variable's name. */
export type Otel = Readonly<Record<string, string>>;

/** How traces are sampled and sent. */
export type TracingSettings = {
  /** the URL to which spans are sent by POST */
  url: string;
  protocol: (typeof protocols)[number];
  headers: Record<string, string>;
  timeoutMs: number;
  /** attributes of this process, sent with every span */
  resource: Record<string, string>;
  sampler: { name: (typeof samplers)[number]; ratio: number };
  batch: { maxQueueSpans: number; maxBatchSpans: number; delayMs: number; exportTimeoutMs: number };
  /** whether a request's span becomes a child of the span in the caller's `traceparent` header */
  continues: boolean;
};

const protocols = ["http/protobuf", "http/json"] as const;
const samplers = [
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
  "always_on",
  "always_off",
  "traceidratio",
] as const;
const propagators = ["tracecontext", "baggage", "none"];

/**
 * Reads the standard variables. As their specification requires, an invalid value counts as unset. `ignored` has a
 * sentence about each invalid value. `settings` is undefined if the endpoint is missing or invalid.
 */
export function tracingSettings(otel: Otel): {
  settings: TracingSettings | undefined;
  ignored: readonly string[];
} {
  const ignored: string[] = [];
  const read = reader(otel, ignored);
  const url = read.endpoint();
  if (url === undefined) return { settings: undefined, ignored };
  const maxQueueSpans = read.whole("OTEL_BSP_MAX_QUEUE_SIZE", 2_048);
  const timeoutMs = read.whole("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000);
  const protocol = read.oneOf(protocols, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
  const serviceName = otel["OTEL_SERVICE_NAME"];
  const settings: TracingSettings = {
    url,
    protocol: read.oneOf(protocols, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol),
    headers: {
      ...read.pairs("OTEL_EXPORTER_OTLP_HEADERS"),
      ...read.pairs("OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
    },
    timeoutMs: read.whole("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", timeoutMs),
    resource: {
      "service.name": "latchkey",
      ...read.pairs("OTEL_RESOURCE_ATTRIBUTES"),
      ...(serviceName === undefined ? {} : { "service.name": serviceName }),
    },
    sampler: {
      name: read.oneOf(samplers, "OTEL_TRACES_SAMPLER", "parentbased_always_on"),
      ratio: read.ratio("OTEL_TRACES_SAMPLER_ARG", 1),
    },
    batch: {
      maxQueueSpans,
      maxBatchSpans: Math.min(maxQueueSpans, read.whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
      delayMs: read.whole("OTEL_BSP_SCHEDULE_DELAY", 5_000),
      exportTimeoutMs: read.whole("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
    },
    continues: read.propagators().includes("tracecontext"),
  };
  return { settings, ignored };
}

/** Functions that read one variable each. Messages quote the variable's value, unless it may contain a password. */
function reader(otel: Otel, ignored: string[]) {
  function ignore(name: string, why: string): void {
    const value = /ENDPOINT|HEADERS/.test(name) ? "" : ` (${JSON.stringify(otel[name])})`;
    ignored.push(`${name}${value} ${why}.`);
  }

  return {
    endpoint(): string | undefined {
      const own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
      const name = otel[own] === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : own;
      const text = otel[name] ?? "";
      if (!/^https?:\/\/./i.test(text) || !URL.canParse(text)) {
        ignore(name, "is not an http:// or https:// address, so no traces are sent");
        return undefined;
      }
      return name === own ? text : `${text.replace(/\/$/, "")}/v1/traces`;
    },

    whole(name: string, fallback: number): number {
      const text = otel[name];
      if (text === undefined) return fallback;
      if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
      ignore(name, `is not a whole number from 1 to 999999999, so ${fallback} is used`);
      return fallback;
    },

    ratio(name: string, fallback: number): number {
      const text = otel[name];
      if (text === undefined) return fallback;
      if (/^(0?\.\d+|0|1(\.0*)?)$/.test(text)) return Number(text);
      ignore(name, `is not a number from 0 to 1, so ${fallback} is used`);
      return fallback;
    },

    oneOf<T extends string>(known: readonly T[], name: string, fallback: T): T {
      const text = otel[name];
      if (text === undefined) return fallback;
      const found = known.find((one) => one === text.trim().toLowerCase());
      if (found === undefined) ignore(name, `is not one of ${known.join(", ")}, so ${fallback} is used`);
      return found ?? fallback;
    },

    /**
     * Reads a comma-separated list of percent-encoded `name=value` pairs. If one pair is
     * invalid, ignores the whole list.
     */
    pairs(name: string): Record<string, string> {
      try {
        const pairs = (otel[name] ?? "").split(",").filter((pair) => pair.trim() !== "");
        return Object.fromEntries(pairs.map(decodedPair));
      } catch {
        ignore(name, "is not a comma-separated list of name=value pairs, so it is ignored");
        return {};
      }
    },

    propagators(): readonly string[] {
      const name = "OTEL_PROPAGATORS";
      const names = (otel[name] ?? "tracecontext").split(",").map((one) => one.trim());
      if (names.some((one) => !propagators.includes(one))) {
        ignore(name, "has unsupported propagators, which are ignored; only tracecontext is supported");
      }
      return names;
    },
  };
}

/** Parses a percent-encoded `name=value` pair. Errors: `Error` if the text is not such a pair. */
function decodedPair(pair: string): [name: string, value: string] {
  const at = pair.indexOf("=");
  const name = pair.slice(0, at).trim();
  if (at === -1 || !/^\S+$/.test(name)) throw new Error("not a pair");
  return [decodeURIComponent(name), decodeURIComponent(pair.slice(at + 1).trim())];
}
