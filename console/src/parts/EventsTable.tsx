import { Link } from "@tanstack/react-router";
import type { Item } from "../data/api.ts";
import { clockTime, exactly, number, span } from "../data/time.ts";
import { Outcome } from "./Outcome.tsx";
import { Table } from "./Table.tsx";

export type UsageEvent = Item<"analytics.listEvents">;

/** A table of verifications and rate limit decisions. Each refused verification links to its explanation. */
export function EventsTable({ events }: { events: readonly UsageEvent[] }) {
  return (
    <Table<UsageEvent>
      caption="Events"
      rows={events}
      keyOf={({ id }) => id}
      columns={[
        {
          label: "Time",
          cell: ({ time }) => (
            <time dateTime={new Date(time).toISOString()} title={exactly(time)}>
              {clockTime(time)}
            </time>
          ),
        },
        { label: "Outcome", cell: ({ outcome }) => <Outcome code={outcome} /> },
        { label: "Who", cell: (event) => <Subject event={event} /> },
        {
          label: "Refused by",
          cell: ({ why }) => (why === undefined ? null : <span className="clip soft">{whyText(why)}</span>),
        },
        {
          label: "Tags",
          cell: ({ tags }) =>
            tags === undefined ? null : <span className="clip soft small">{tags.join(", ")}</span>,
        },
        { label: "", cell: (event) => <WhyLink event={event} /> },
      ]}
    />
  );
}

function Subject({ event: { keyId, identity, namespace, identifier } }: { event: UsageEvent }) {
  if (namespace !== undefined) {
    return (
      <span className="clip" dir="auto">
        {identifier} <span className="soft">in </span>
        <Link to="/limits/$namespace" params={{ namespace: namespace.name ?? namespace.id }}>
          {namespace.name ?? namespace.id}
        </Link>
      </span>
    );
  }
  if (keyId === undefined) return <span className="soft">unknown key</span>;
  return (
    <Link to="/keys/$keyId" params={{ keyId }} className="clip" dir="auto">
      {identity?.externalId ?? keyId}
    </Link>
  );
}

function WhyLink({ event: { keyId, requestId, outcome } }: { event: UsageEvent }) {
  if (keyId === undefined || outcome === "VALID") return null;
  return (
    <Link to="/why" search={{ keyId, requestId }} className="small">
      Why?
    </Link>
  );
}

const checkLabels: Readonly<Record<string, string>> = {
  found: "no such key",
  workspace: "workspace disabled",
  enabled: "key disabled",
  expiry: "expired",
  ipAllowList: "address not allowed",
  credits: "no credits left",
};

function whyText(why: NonNullable<UsageEvent["why"]>): string {
  const { check, name, limit, duration } = why;
  if (limit !== undefined && duration !== undefined) {
    return `${name ?? "limit"}: ${number(limit)} per ${span(duration)}`;
  }
  return name === undefined ? (checkLabels[check] ?? check) : `${check}: ${name}`;
}
