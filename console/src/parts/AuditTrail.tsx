import { Link } from "@tanstack/react-router";
import type { Item } from "../data/api.ts";
import { useOperation } from "../data/queries.ts";
import { Card } from "./Page.tsx";
import { Problem } from "./Problem.tsx";
import { Table } from "./Table.tsx";
import { Time } from "./Time.tsx";

type Event = Item<"audit.listEvents">;

/** The latest changes of one thing. */
export function AuditTrail({ targetId }: { targetId: string }) {
  const { data, error } = useOperation("audit.listEvents", { targetId, limit: 10, order: "desc" });
  return (
    <Card
      title="Audit trail"
      actions={
        <Link to="/audit" search={{ targetId }} className="small">
          All events
        </Link>
      }
    >
      <Problem error={error} />
      {data?.data.length === 0 ? <p className="soft">Nothing has been recorded.</p> : null}
      {data === undefined || data.data.length === 0 ? null : (
        <Table<Event>
          caption="Audit trail"
          rows={data.data}
          keyOf={({ id }) => id}
          columns={[
            { label: "When", cell: ({ time }) => <Time at={time} /> },
            { label: "Event", cell: ({ event }) => <code>{event}</code> },
            {
              label: "Fields",
              cell: ({ fields }) =>
                fields.length === 0 ? null : <span className="clip soft">{fields.join(", ")}</span>,
            },
            { label: "By", cell: ({ actorId }) => <Actor id={actorId} /> },
          ]}
        />
      )}
    </Card>
  );
}

/** Who made a change, with a link to everything else that they changed. */
export function Actor({ id }: { id: string }) {
  return (
    <Link to="/audit" search={{ actorId: id }} className="clip small">
      {id}
    </Link>
  );
}
