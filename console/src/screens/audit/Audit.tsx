import type { Item } from "../../data/api.ts";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Id } from "../../parts/Copy.tsx";
import { CsvButton } from "../../parts/CsvButton.tsx";
import { InstantFilter } from "../../parts/InstantFilter.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { List, NothingFound } from "../../parts/Table.tsx";
import { Time } from "../../parts/Time.tsx";

type Event = Item<"audit.listEvents">;

const filterNames = ["event", "actorId", "targetId", "start", "end"] as const;

export function Audit() {
  const [filters, change] = useFilters();
  const { event, actorId, targetId, start, end, after } = filters;
  const input = pageInput({
    cursor: after,
    order: "desc" as const,
    event,
    actorId,
    targetId,
    start: start === undefined ? undefined : Number(start),
    end: end === undefined ? undefined : Number(end),
  });
  const query = useOperation("audit.listEvents", input, { keepPrevious: true });
  const clear = () => change(Object.fromEntries(filterNames.map((name) => [name, undefined])));
  return (
    <Page
      title="Audit"
      lead="Who changed what, and when. The names of changed fields are recorded, their values are not."
      actions={<CsvButton name="audit" rows={(query.data?.data ?? []).map(csvRow)} />}
    >
      <div className="filters">
        <SearchField label="Event" value={event} onChange={(text) => change({ event: text })} />
        <SearchField label="Root key" value={actorId} onChange={(text) => change({ actorId: text })} />
        <SearchField label="Target" value={targetId} onChange={(text) => change({ targetId: text })} />
        <InstantFilter label="From" value={start} onChange={(at) => change({ start: at })} />
        <InstantFilter label="Until" value={end} onChange={(at) => change({ end: at })} />
      </div>
      <List<"audit.listEvents", Event>
        query={query}
        caption="Audit events"
        keyOf={({ id }) => id}
        empty={<NothingFound onClear={clear} />}
        columns={[
          { label: "When", cell: ({ time }) => <Time at={time} /> },
          {
            label: "Event",
            cell: (one) => <EventName event={one} onPick={(name) => change({ event: name })} />,
          },
          { label: "Target", cell: ({ targetId: id }) => <Id id={id} what="target id" /> },
          {
            label: "Fields",
            cell: ({ fields }) =>
              fields.length === 0 ? null : (
                <span className="clip soft small fields-cell">{fields.join(", ")}</span>
              ),
          },
          { label: "By", cell: (one) => <Actor event={one} /> },
        ]}
      />
      <AsCode operation="audit.listEvents" input={input} />
    </Page>
  );
}

function EventName({ event: { event }, onPick }: { event: Event; onPick(name: string): void }) {
  return (
    <button type="button" className="button small quiet" onClick={() => onPick(event)}>
      <code>{event}</code>
    </button>
  );
}

function Actor({ event: { actorId, via } }: { event: Event }) {
  return (
    <span className="row">
      <Id id={actorId} what="root key id" />
      {via === undefined ? null : <Badge>in the console</Badge>}
    </span>
  );
}

function csvRow(event: Event): Record<string, string> {
  const { time, actorId, targetId, fields, requestId, remoteAddress = "", userAgent = "", via = "" } = event;
  return {
    time: new Date(time).toISOString(),
    event: event.event,
    actorId,
    targetId,
    fields: fields.join(" "),
    requestId,
    remoteAddress,
    userAgent,
    via,
  };
}
