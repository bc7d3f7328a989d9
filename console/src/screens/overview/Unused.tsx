import { Link } from "@tanstack/react-router";
import { useOperation } from "../../data/queries.ts";
import { dayMs, minuteMs } from "../../data/time.ts";
import { Card, Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Time } from "../../parts/Time.tsx";

/** Enabled keys that are over 90 days old and were not used for 90 days. The oldest key comes first. */
export function Unused() {
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs;
  const before = nowMs - 90 * dayMs;
  const { data, error } = useOperation("keys.listKeys", { unusedSince: before, enabled: true, limit: 10 });
  const old = (data?.data ?? []).filter(({ createdAt }) => createdAt < before);
  return (
    <Card
      title="Keys unused for 90 days"
      actions={
        <Link to="/keys" search={{ unused: "90" }} className="small">
          All of them
        </Link>
      }
    >
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="keys" /> : null}
      {data !== undefined && old.length === 0 ? (
        <p className="soft">
          {data.data.length === 0 && data.pagination?.hasMore === true
            ? "None of the oldest keys is unused. Use the list of all of them to search further."
            : "Every enabled key that is older than 90 days was used in the last 90 days."}
        </p>
      ) : null}
      <ul className="stack">
        {old.map(({ keyId, name, start, lastUsedAt }) => (
          <li key={keyId} className="card-head">
            <Link to="/keys/$keyId" params={{ keyId }} dir="auto">
              {name ?? `${start}…`}
            </Link>
            <Time at={lastUsedAt} none="never used" />
          </li>
        ))}
      </ul>
    </Card>
  );
}
