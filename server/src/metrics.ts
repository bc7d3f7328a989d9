/** The measurements of the running server. */
export type Metrics = {
  /** Counts a request and its duration. `operation` is undefined if the path is not an operation. */
  request(operation: string | undefined, method: string, status: number, durationMs: number): void;
  /** Counts evicted rate limit counters. `live`: their windows had not ended, so what they had counted is forgotten. */
  countersEvicted(count: number, live: boolean): void;
  /** Records how long it took until this process noticed a change that another process made. */
  changePropagated(ageMs: number): void;
  /** Adds a metric that can rise and fall. `read` is called at each scrape. */
  gauge(name: string, help: string, read: () => number): void;
  /** Adds a metric that counts from the start of the process. `read` is called at each scrape. */
  counter(name: `${string}_total`, help: string, read: () => number | readonly Labelled[]): void;
  /** Returns all metrics in Prometheus' text format 0.0.4. */
  render(): string;
};

/** A value with labels, which are in Prometheus' format without braces: `result="hit"`. */
export type Labelled = { labels: string; value: number };

const boundsMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

type Series = { count: number; sumMs: number; buckets: number[] };
type Family = { name: string; help: string; type: string; read(): number | readonly Labelled[] };
type Requests = Map<string, Map<string | undefined, Map<number, Series>>>;

/**
 * Creates the metrics of a process, in memory. Requests are counted by method, route and status code, so the number of
 * metrics is bounded.
 */
export function makeMetrics(): Metrics {
  const requests: Requests = new Map();
  const families: Family[] = [];
  const evicted = { live: 0, runOut: 0 };
  const propagation = emptySeries();
  const counter: Metrics["counter"] = (name, help, read) =>
    void families.push({ name, help, type: "counter", read });
  counter("latchkey_counters_evicted_total", "Rate limit counters that were evicted to make room.", () => [
    { labels: 'live="true"', value: evicted.live },
    { labels: 'live="false"', value: evicted.runOut },
  ]);

  return {
    request(operation, method, status, durationMs) {
      const ofMethod = madeIn(requests, methodLabel(method), newMap);
      const ofOperation = madeIn(ofMethod, operation, newMap);
      add(madeIn(ofOperation, status, emptySeries), durationMs);
    },
    changePropagated: (ageMs) => add(propagation, ageMs),
    countersEvicted(count, live) {
      evicted[live ? "live" : "runOut"] += count;
    },
    gauge: (name, help, read) => void families.push({ name, help, type: "gauge", read }),
    counter,
    render: () =>
      [
        ...renderRequests(requests),
        ...head(
          propagationName,
          "Time from a change on another node to the moment when this node noticed it.",
          "histogram",
        ),
        ...histogramLines(propagationName, "", propagation),
        ...families.flatMap(renderFamily),
        "",
      ].join("\n"),
  };
}

/** Adds metrics for the CPU time, memory and uptime of this process, under OpenTelemetry's names. */
export function measureProcess({ gauge, counter }: Metrics): void {
  counter("process_cpu_time_seconds_total", "CPU time of this process.", () => {
    const { user, system } = process.cpuUsage();
    return [
      { labels: 'cpu_mode="user"', value: user / 1e6 },
      { labels: 'cpu_mode="system"', value: system / 1e6 },
    ];
  });
  gauge("process_memory_usage_bytes", "Physical memory of this process.", () => process.memoryUsage.rss());
  gauge("process_uptime_seconds", "Time since this process started.", () => process.uptime());
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);

/**
 * Returns the name of an HTTP method for metrics and traces. Unknown methods share one name, so that callers cannot
 * create more and more metrics.
 */
export function methodLabel(method: string): string {
  return methods.has(method) ? method : "_OTHER";
}

const newMap = () => new Map();

function madeIn<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function emptySeries(): Series {
  return { count: 0, sumMs: 0, buckets: Array.from({ length: boundsMs.length + 1 }, () => 0) };
}

function add(series: Series, ms: number): void {
  series.count += 1;
  series.sumMs += ms;
  let bucket = 0; // findIndex would take twice as long as this loop
  while (ms > (boundsMs[bucket] ?? Infinity)) bucket += 1;
  series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
}

const propagationName = "latchkey_change_propagation_seconds";
const durationName = "http_server_request_duration_seconds";

function renderRequests(requests: Requests): string[] {
  const lines = head(
    durationName,
    "Time from the arrival of a request's head until its response is ready to be sent.",
    "histogram",
  );
  for (const [method, ofMethod] of requests) {
    for (const [operation, ofOperation] of ofMethod) {
      for (const [status, series] of ofOperation) {
        const route = operation === undefined ? "" : `http_route="/v2/${operation}",`;
        const labels = `http_request_method="${method}",${route}http_response_status_code="${status}",url_scheme="http"`;
        lines.push(...histogramLines(durationName, labels, series));
      }
    }
  }
  return lines;
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function renderFamily({ name, help, type, read }: Family): string[] {
  const value = read();
  const lines =
    typeof value === "number"
      ? [`${name} ${value}`]
      : value.map((one) => `${name}{${one.labels}} ${one.value}`);
  return [...head(name, help, type), ...lines];
}

/** Formats a histogram. `labels` is in Prometheus' format without braces; it may be empty. */
function histogramLines(name: string, labels: string, series: Series): string[] {
  const before = labels === "" ? "" : `${labels},`;
  const all = labels === "" ? "" : `{${labels}}`;
  let below = 0;
  const buckets = boundsMs.map((bound, index) => {
    below += series.buckets[index] ?? 0;
    return `${name}_bucket{${before}le="${bound / 1000}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket{${before}le="+Inf"} ${series.count}`,
    `${name}_sum${all} ${series.sumMs / 1000}`,
    `${name}_count${all} ${series.count}`,
  ];
}
