import type { Input } from "../data/api.ts";
import { useFilters } from "../data/filters.ts";
import { useOperation } from "../data/queries.ts";
import { dayMs, minuteMs } from "../data/time.ts";
import { Chart } from "./Chart.tsx";
import { Card, Loading } from "./Page.tsx";
import { Problem } from "./Problem.tsx";

type Subject = Pick<Input<"analytics.getUsage">, "keyId" | "identity" | "apiId" | "namespace">;

/** A chart of the requests of the last 24 hours or 30 days by their outcomes. */
export function UsageCard({ subject, title = "Usage" }: { subject: Subject; title?: string }) {
  const [{ period }, change] = useFilters();
  const isMonth = period === "30d";
  const end = Math.ceil(Date.now() / minuteMs) * minuteMs;
  const start = end - (isMonth ? 30 : 1) * dayMs;
  const granularity = isMonth ? ("day" as const) : ("hour" as const);
  const { data, error } = useOperation(
    "analytics.getUsage",
    { ...subject, granularity, start, end },
    { keepPrevious: true },
  );
  const toggle = (
    <>
      {(["24h", "30d"] as const).map((one) => (
        <button
          key={one}
          type="button"
          className="button small"
          aria-pressed={(period ?? "24h") === one}
          onClick={() => change({ period: one === "24h" ? undefined : one })}
        >
          {one === "24h" ? "24 hours" : "30 days"}
        </button>
      ))}
    </>
  );
  return (
    <Card title={title} actions={toggle}>
      {data === undefined ? null : (
        <Chart points={data.data.points} label={`${title}, ${isMonth ? "30 days" : "24 hours"}`} />
      )}
      {data === undefined && error === null ? <Loading what="usage" /> : <Problem error={error} />}
    </Card>
  );
}
