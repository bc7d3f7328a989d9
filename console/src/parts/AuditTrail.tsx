import { Link } from "@tanstack/react-router";
import type { Item } from "../data/api.ts";
import { useOperation } from "../data/queries.ts";
import { Card } from "./Page.tsx";
import { Problem } from "./Problem.tsx";
import { Table } from "./Table.tsx";
import { Time } from "./Time.tsx";

type Event = Item<"audit.listEvents">;

/** The latest audit events of one record, such as a key. */
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
      {data?.data.length === 0 ? <p className="soft">No changes have been recorded.</p> : null}
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

/** The id of the root key that made a change, as a link to all changes that it made. */
export function Actor({ id }: { id: string }) {
  return (
    <Link to="/audit" search={{ actorId: id }} className="clip small">
      {id}
    </Link>
  );
}
