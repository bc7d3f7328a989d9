/** What is measured of the running server. */
export type Metrics = {
  request(operation: string, status: number, durationMs: number): void;
  /** `live`: counters that were still counting when they had to go */
  countersEvicted(count: number, live: boolean): void;
  /** a value that is read when the metrics are */
  gauge(name: string, help: string, read: () => number): void;
  /** Prometheus text format 0.0.4 */
  render(): string;
};

const boundsMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];

type Series = { count: number; sumMs: number; buckets: number[] };

/** Metrics of one process, kept in memory. Labels are operation names and status codes: their number is bounded. */
export function makeMetrics(): Metrics {
  const requests = new Map<string, Map<number, Series>>();
  const gauges: { name: string; help: string; read: () => number }[] = [];
  const evicted = { live: 0, runOut: 0 };

  return {
    request(operation, status, durationMs) {
      const series = seriesOf(requests, operation, status);
      series.count += 1;
      series.sumMs += durationMs;
      const index = boundsMs.findIndex((bound) => durationMs <= bound);
      const bucket = index === -1 ? boundsMs.length : index;
      series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    },
    countersEvicted(count, live) {
      evicted[live ? "live" : "runOut"] += count;
    },
    gauge: (name, help, read) => void gauges.push({ name, help, read }),
    render: () =>
      [
        ...renderRequests(requests),
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
    series = { count: 0, sumMs: 0, buckets: Array.from({ length: boundsMs.length + 1 }, () => 0) };
    byStatus.set(status, series);
  }
  return series;
}

const durationName = "http_server_request_duration_seconds";

function renderRequests(requests: Map<string, Map<number, Series>>): string[] {
  const lines = [
    `# HELP ${durationName} Time from the request's head to its answer.`,
    `# TYPE ${durationName} histogram`,
  ];
  for (const [operation, byStatus] of requests) {
    for (const [status, series] of byStatus) {
      const labels = `operation="${operation}",http_response_status_code="${status}"`;
      let below = 0;
      for (const [index, bound] of boundsMs.entries()) {
        below += series.buckets[index] ?? 0;
        lines.push(`${durationName}_bucket{${labels},le="${bound / 1000}"} ${below}`);
      }
      lines.push(`${durationName}_bucket{${labels},le="+Inf"} ${series.count}`);
      lines.push(`${durationName}_sum{${labels}} ${series.sumMs / 1000}`);
      lines.push(`${durationName}_count{${labels}} ${series.count}`);
    }
  }
  return lines;
}
