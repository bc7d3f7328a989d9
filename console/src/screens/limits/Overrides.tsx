import { useState } from "react";
import type { Item } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { number, span } from "../../data/time.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { Card, Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Table } from "../../parts/Table.tsx";
import { EditOverride, OverrideDialog } from "./OverrideDialog.tsx";

type Override = Item<"ratelimit.listOverrides">;

export function Overrides({ namespace }: { namespace: string }) {
  const [open, setOpen] = useState<"add" | Override>();
  const close = () => setOpen(undefined);
  const { data, error } = useOperation("ratelimit.listOverrides", { namespace, limit: 100 });
  return (
    <Card
      title="Overrides"
      actions={
        <Button needs="ratelimit.<id>.set_override" onClick={() => setOpen("add")}>
          Add
        </Button>
      }
    >
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="overrides" /> : null}
      {data?.data.length === 0 ? (
        <p className="soft">No overrides. Every request has the limit that it names.</p>
      ) : null}
      {data === undefined || data.data.length === 0 ? null : (
        <Table<Override>
          caption="Overrides"
          rows={data.data}
          keyOf={({ overrideId }) => overrideId}
          columns={[
            {
              label: "Identifier",
              cell: ({ identifier }) => (
                <code className="clip" dir="auto">
                  {identifier}
                </code>
              ),
            },
            {
              label: "Limit",
              cell: ({ limit, duration }) => `${number(limit)} per ${span(duration)}`,
            },
            {
              label: "",
              cell: (override) => (
                <span className="row">
                  <Button small needs="ratelimit.<id>.set_override" onClick={() => setOpen(override)}>
                    Edit
                  </Button>
                  <RemoveOverride namespace={namespace} identifier={override.identifier} />
                </span>
              ),
            },
          ]}
        />
      )}
      {data?.pagination?.hasMore === true ? (
        <p className="soft small">These are the first 100. “Which limit applies?” finds the others.</p>
      ) : null}
      {open === "add" ? <OverrideDialog namespace={namespace} override={undefined} onClose={close} /> : null}
      {open === undefined || open === "add" ? null : (
        <EditOverride namespace={namespace} override={open} onClose={close} />
      )}
    </Card>
  );
}

function RemoveOverride({ namespace, identifier }: { namespace: string; identifier: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button small kind="danger" needs="ratelimit.<id>.delete_override" onClick={() => setOpen(true)}>
        Delete
      </Button>
      {isOpen ? (
        <ConfirmDialog
          title="Delete this override?"
          onClose={() => setOpen(false)}
          submit="Delete"
          operation="ratelimit.deleteOverride"
          input={{ namespace, identifier }}
        >
          <p>
            <code dir="auto">{identifier}</code> then has the limit that its requests name.
          </p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
