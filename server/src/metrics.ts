/** What is measured of the running server. */
export type Metrics = {
  request(operation: string, status: number, durationMs: number): void;
  /** `live`: counters that were still counting when they had to go */
  countersEvicted(count: number, live: boolean): void;
  /** how long after a change another process had heard of it */
  changePropagated(ageMs: number): void;
  /** a value that is read when the metrics are */
  gauge(name: string, help: string, read: () => number): void;
  /** Prometheus text format 0.0.4 */
  render(): string;
};

const boundsMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

type Series = { count: number; sumMs: number; buckets: number[] };

/** Metrics of one process, kept in memory. Labels are operation names and status codes: their number is bounded. */
export function makeMetrics(): Metrics {
  const requests = new Map<string, Map<number, Series>>();
  const gauges: { name: string; help: string; read: () => number }[] = [];
  const evicted = { live: 0, runOut: 0 };
  const propagation = emptySeries();

  return {
    request(operation, status, durationMs) {
      add(seriesOf(requests, operation, status), durationMs);
    },
    changePropagated: (ageMs) => add(propagation, ageMs),
    countersEvicted(count, live) {
      evicted[live ? "live" : "runOut"] += count;
    },
    gauge: (name, help, read) => void gauges.push({ name, help, read }),
    render: () =>
      [
        ...renderRequests(requests),
        ...histogramHead(propagationName, "Time from a change to its being heard of by this node."),
        ...histogramLines(propagationName, "", propagation),
        "# HELP latchkey_counters_evicted_total Rate limit counters given up for memory.",
        "# TYPE latchkey_counters_evicted_total counter",
        `latchkey_counters_evicted_total{live="true"} ${evicted.live}`,
        `latchkey_counters_evicted_total{live="false"} ${evicted.runOut}`,
        ...gauges.flatMap(({ name, help, read }) => [
          `# HELP ${name} ${help}`,
          `# TYPE ${name} gauge`,
          `${name} ${read()}`,
        ]),
        "",
      ].join("\n"),
  };
}

function seriesOf(requests: Map<string, Map<number, Series>>, operation: string, status: number): Series {
  let byStatus = requests.get(operation);
  if (byStatus === undefined) {
    byStatus = new Map();
    requests.set(operation, byStatus);
  }
  let series = byStatus.get(status);
  if (series === undefined) {
    series = emptySeries();
    byStatus.set(status, series);
  }
  return series;
}

function emptySeries(): Series {
  return { count: 0, sumMs: 0, buckets: Array.from({ length: boundsMs.length + 1 }, () => 0) };
}

function add(series: Series, ms: number): void {
  series.count += 1;
  series.sumMs += ms;
  const index = boundsMs.findIndex((bound) => ms <= bound);
  const bucket = index === -1 ? boundsMs.length : index;
  series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
}

const propagationName = "latchkey_change_propagation_seconds";
const durationName = "http_server_request_duration_seconds";

function renderRequests(requests: Map<string, Map<number, Series>>): string[] {
  const lines = histogramHead(durationName, "Time from the request's head to its answer.");
  for (const [operation, byStatus] of requests) {
    for (const [status, series] of byStatus) {
      const labels = `operation="${operation}",http_response_status_code="${status}"`;
      lines.push(...histogramLines(durationName, labels, series));
    }
  }
  return lines;
}

function histogramHead(name: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
}

/** `labels` without braces; empty: none. */
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
