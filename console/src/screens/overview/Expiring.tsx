import { Link } from "@tanstack/react-router";
import { useOperation } from "../../data/queries.ts";
import { dayMs, minuteMs } from "../../data/time.ts";
import { Card, Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Time } from "../../parts/Time.tsx";

/** The enabled keys that expire next, within 30 days. The server reads keys that have expired before these. */
export function Expiring() {
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs;
  const { data, error } = useOperation("keys.listKeys", {
    expiresBefore: nowMs + 30 * dayMs,
    enabled: true,
    orderBy: "expires",
    limit: 50,
  });
  const ahead = (data?.data ?? []).filter(({ expires = 0 }) => expires > nowMs).slice(0, 10);
  return (
    <Card
      title="Keys about to expire"
      actions={
        <Link to="/keys" search={{ expiring: "30", sort: "expires" }} className="small">
          All in 30 days
        </Link>
      }
    >
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="keys" /> : null}
      {data !== undefined && ahead.length === 0 ? (
        <p className="soft">
          {data.pagination?.hasMore === true
            ? "Too many keys have expired to find those that expire next. Delete expired keys."
            : "No enabled key expires in the next 30 days."}
        </p>
      ) : null}
      <ul className="stack">
        {ahead.map(({ keyId, name, start, expires }) => (
          <li key={keyId} className="card-head">
            <Link to="/keys/$keyId" params={{ keyId }} dir="auto">
              {name ?? `${start}…`}
            </Link>
            <Time at={expires} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
