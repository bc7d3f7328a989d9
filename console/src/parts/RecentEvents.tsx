import { Link } from "@tanstack/react-router";
import type { Input } from "../data/api.ts";
import { useOperation } from "../data/queries.ts";
import { EventsTable } from "./EventsTable.tsx";
import { Card, Loading } from "./Page.tsx";
import { Problem } from "./Problem.tsx";

type Filter = Pick<Input<"analytics.listEvents">, "kind" | "keyId" | "identity" | "namespace" | "outcome">;

/** The last ten verifications or rate limit decisions that match a filter, such as those of one key. */
export function RecentEvents({ filter, title = "Last events" }: { filter: Filter; title?: string }) {
  const { data, error } = useOperation(
    "analytics.listEvents",
    { ...filter, limit: 10 },
    { refetchInterval: 5_000 },
  );
  return (
    <Card
      title={title}
      actions={
        <Link to="/live" search={filter} className="small">
          Live
        </Link>
      }
    >
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="events" /> : null}
      {data?.data.length === 0 ? (
        <p className="soft">
          {data.pagination?.hasMore === true
            ? "The latest events have none of these."
            : "No events are stored."}
        </p>
      ) : null}
      {data === undefined || data.data.length === 0 ? null : <EventsTable events={data.data} />}
    </Card>
  );
}
