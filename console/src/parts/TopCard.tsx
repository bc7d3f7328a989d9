import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Data, Input } from "../data/api.ts";
import { outcomeOf } from "../data/outcomes.ts";
import { useOperation } from "../data/queries.ts";
import { dayMs, hourMs, number } from "../data/time.ts";
import { SelectField } from "./fields.tsx";
import { Card, Loading } from "./Page.tsx";
import { Problem } from "./Problem.tsx";
import { Time } from "./Time.tsx";

type Outcome = NonNullable<Input<"analytics.getTop">["outcome"]>;

type Props = {
  title: string;
  of: "identities" | "identifiers";
  namespace?: string;
  /** the outcomes that the user can choose from; the first is selected by default */
  outcomes: readonly Outcome[];
};

/** The identities or identifiers with the most events of one outcome in the last 24 hours. */
export function TopCard({ title, of, namespace, outcomes }: Props) {
  const [outcome, setOutcome] = useState(outcomes[0]);
  const { data, error } = useOperation(
    "analytics.getTop",
    { of, ...(outcome === undefined ? {} : { outcome }), ...(namespace === undefined ? {} : { namespace }) },
    { keepPrevious: true },
  );
  return (
    <Card title={title}>
      {outcomes.length < 2 ? null : (
        <SelectField
          label="Outcome"
          value={outcome ?? ""}
          onChange={(value) => setOutcome(value as Outcome)}
          options={outcomes.map((code) => [code, outcomeOf(code).label] as const)}
        />
      )}
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="counts" /> : null}
      {data?.data.items.length === 0 ? (
        <p className="soft">{isCut(data.data.readSince) ? "None." : "None in the last 24 hours."}</p>
      ) : null}
      {isCut(data?.data.readSince) ? (
        <p className="soft">
          Only events since <Time at={data?.data.readSince} /> are counted.
        </p>
      ) : null}
      <ol className="stack">
        {data?.data.items.map((item) => (
          <li key={item.name} className="card-head">
            <Name item={item} of={of} />
            <strong>{number(item.count)}</strong>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** Whether the server could not read all events of the last 24 hours. */
function isCut(readSinceMs = 0): boolean {
  return readSinceMs > Date.now() - dayMs + hourMs;
}

type NameProps = { item: Data<"analytics.getTop">["items"][number]; of: Props["of"] };

function Name({ item: { name, externalId }, of }: NameProps) {
  if (of === "identifiers") return <span dir="auto">{name}</span>;
  return (
    <Link to="/identities/$identity" params={{ identity: externalId ?? name }} dir="auto">
      {externalId ?? name}
    </Link>
  );
}
