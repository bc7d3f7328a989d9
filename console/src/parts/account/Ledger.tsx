import type { Item } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { number } from "../../data/time.ts";
import { Actor } from "../AuditTrail.tsx";
import { Card } from "../Page.tsx";
import { Problem } from "../Problem.tsx";
import { Table } from "../Table.tsx";
import { Time } from "../Time.tsx";
import type { Owner } from "./owner.ts";

type Movement = Item<"credits.listMovements">;

/** The latest movements of credits and quotas, such as grants and resets. Spending by requests is not a movement. */
export function Ledger({ owner }: { owner: Owner }) {
  const { data, error } = useOperation("credits.listMovements", { ...owner, limit: 10 });
  return (
    <Card title="Ledger">
      <Problem error={error} />
      {data?.data.length === 0 ? (
        <p className="soft">No credits or units have been granted, set, reset or settled.</p>
      ) : null}
      {data === undefined || data.data.length === 0 ? null : (
        <Table<Movement>
          caption="Ledger"
          rows={data.data}
          keyOf={({ id }) => id}
          columns={[
            { label: "When", cell: ({ time }) => <Time at={time} /> },
            { label: "What", cell: ({ kind }) => <code>{kind}</code> },
            {
              label: "Of",
              cell: ({ quota }) => (
                <span className="clip" dir="auto">
                  {quota ?? "credits"}
                </span>
              ),
            },
            { label: "Amount", isNumber: true, cell: (movement) => amountText(movement) },
            {
              label: "Reason",
              cell: ({ reason }) =>
                reason === undefined ? null : (
                  <span className="clip soft" dir="auto">
                    {reason}
                  </span>
                ),
            },
            {
              label: "By",
              cell: ({ actorId }) =>
                actorId === undefined ? <span className="soft small">server</span> : <Actor id={actorId} />,
            },
          ]}
        />
      )}
    </Card>
  );
}

function amountText({ kind, amount }: Movement): string {
  return kind === "threshold" ? `${amount} %` : number(amount);
}
