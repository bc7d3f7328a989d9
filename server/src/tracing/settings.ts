/** The standard OpenTelemetry variables that are set, by name. */
export type Otel = Readonly<Record<string, string>>;

/** How traces are sampled and sent. */
export type TracingSettings = {
  /** where spans are sent by POST */
  url: string;
  protocol: (typeof protocols)[number];
  headers: Record<string, string>;
  timeoutMs: number;
  /** what every span says of this process */
  resource: Record<string, string>;
  sampler: { name: (typeof samplers)[number]; ratio: number };
  batch: { maxQueueSpans: number; maxBatchSpans: number; delayMs: number; exportTimeoutMs: number };
  /** whether a caller's `traceparent` is continued */
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
 * Reads the standard variables as their specification asks: what cannot be used counts as unset, and `ignored` says
 * so, one sentence each. `settings` is undefined where there is no address to send to.
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

/** Reads one variable at a time. Values are quoted unless they may hold a password. */
function reader(otel: Otel, ignored: string[]) {
  function refuse(name: string, why: string): void {
    const value = /ENDPOINT|HEADERS/.test(name) ? "" : ` (${JSON.stringify(otel[name])})`;
    ignored.push(`${name}${value} ${why}.`);
  }

  return {
    endpoint(): string | undefined {
      const own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
      const name = otel[own] === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : own;
      const text = otel[name] ?? "";
      if (!/^https?:\/\/./i.test(text) || !URL.canParse(text)) {
        refuse(name, "is no http:// or https:// address, so no traces are sent");
        return undefined;
      }
      return name === own ? text : `${text.replace(/\/$/, "")}/v1/traces`;
    },

    whole(name: string, fallback: number): number {
      const text = otel[name];
      if (text === undefined) return fallback;
      if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
      refuse(name, "is no whole number above 0 and is ignored");
      return fallback;
    },

    ratio(name: string, fallback: number): number {
      const text = otel[name];
      if (text === undefined) return fallback;
      if (/^(0?\.\d+|0|1(\.0*)?)$/.test(text)) return Number(text);
      refuse(name, "is no number from 0 to 1 and is ignored");
      return fallback;
    },

    oneOf<T extends string>(known: readonly T[], name: string, fallback: T): T {
      const text = otel[name];
      if (text === undefined) return fallback;
      const found = known.find((one) => one === text.trim().toLowerCase());
      if (found === undefined) refuse(name, `is none of ${known.join(", ")} and is ignored`);
      return found ?? fallback;
    },

    /** `name=value` pairs between commas, percent-encoded; one that is none spoils them all */
    pairs(name: string): Record<string, string> {
      try {
        const pairs = (otel[name] ?? "").split(",").filter((pair) => pair.trim() !== "");
        return Object.fromEntries(pairs.map(decodedPair));
      } catch {
        refuse(name, "is no list of name=value pairs between commas and is ignored");
        return {};
      }
    },

    propagators(): readonly string[] {
      const name = "OTEL_PROPAGATORS";
      const names = (otel[name] ?? "tracecontext").split(",").map((one) => one.trim());
      if (names.some((one) => !propagators.includes(one))) {
        refuse(name, "names more than tracecontext, which is all that is read here");
      }
      return names;
    },
  };
}

/** Errors: any, where it is none. */
function decodedPair(pair: string): [name: string, value: string] {
  const [, name = "", value = ""] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
  if (name === "") throw new Error("no pair");
  return [decodeURIComponent(name), decodeURIComponent(value)];
}
