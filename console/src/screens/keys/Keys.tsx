import { Link } from "@tanstack/react-router";
import type { Input, Item } from "../../data/api.ts";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { dayMs, minuteMs } from "../../data/time.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { CsvButton } from "../../parts/CsvButton.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, List, NothingFound } from "../../parts/Table.tsx";
import { Time } from "../../parts/Time.tsx";
import { CreateKey } from "./CreateKey.tsx";
import { KeyFilters, keyFilterNames } from "./KeyFilters.tsx";

type Row = Item<"keys.listKeys">;

export function Keys() {
  const [filters, change] = useFilters();
  const input = keysInput(filters);
  const query = useOperation("keys.listKeys", input, { keepPrevious: true });
  const isFiltered = keyFilterNames.some((name) => filters[name] !== undefined);
  return (
    <Page
      title="Keys"
      lead="The keys of all apis."
      actions={
        <>
          <CsvButton name="keys" rows={(query.data?.data ?? []).map(csvRow)} />
          <CreateKey apiId={filters["apiId"]} />
        </>
      }
    >
      <KeyFilters />
      <List<"keys.listKeys", Row>
        query={query}
        caption="Keys"
        keyOf={({ keyId }) => keyId}
        empty={
          isFiltered ? (
            <NothingFound
              onClear={() => change(Object.fromEntries(keyFilterNames.map((name) => [name, undefined])))}
            />
          ) : (
            <Empty operation="keys.createKey" input={{ apiId: "api_…", name: "Production" }}>
              No keys yet. This creates the first one:
            </Empty>
          )
        }
        columns={[
          { label: "Name", cell: (row) => <Name row={row} /> },
          {
            label: "Key",
            cell: ({ start }) => <code className="small soft">{start === "" ? "" : `${start}…`}</code>,
          },
          { label: "Owner", cell: (row) => <Owner row={row} /> },
          { label: "State", cell: (row) => <State row={row} /> },
          { label: "Last used", cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
          { label: "Created", cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
      <AsCode operation="keys.listKeys" input={input} />
    </Page>
  );
}

/**
 * Returns the input of the list. Days count from the start of this minute. If they counted from the current time, every
 * render would have a new input and load the list again.
 */
function keysInput(filters: Readonly<Record<string, string | undefined>>): Input<"keys.listKeys"> {
  const { after, search, apiId, identity, role, enabled, expiring, unused, sort } = filters;
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs;
  const orders = { used: "lastUsed", expires: "expires" } as const;
  const orderBy = sort === undefined ? undefined : orders[sort as keyof typeof orders];
  return pageInput({
    cursor: after,
    search,
    apiId,
    identity,
    role,
    enabled: enabled === undefined ? undefined : enabled === "yes",
    expiresBefore: expiring === undefined ? undefined : nowMs + Number(expiring) * dayMs,
    unusedSince: unused === undefined ? undefined : nowMs - Number(unused) * dayMs,
    orderBy,
    order: (sort === "expires" ? "asc" : "desc") as "asc" | "desc",
  });
}

function Name({ row: { keyId, name } }: { row: Row }) {
  return (
    <Link to="/keys/$keyId" params={{ keyId }} className="clip" dir="auto">
      {name ?? keyId}
    </Link>
  );
}

function Owner({ row: { identity } }: { row: Row }) {
  if (identity === undefined) return <span className="soft">nobody</span>;
  return (
    <Link to="/identities/$identity" params={{ identity: identity.externalId }} className="clip" dir="auto">
      {identity.externalId}
    </Link>
  );
}

function State({ row: { enabled, expires } }: { row: Row }) {
  if (!enabled) return <Badge tone="bad">Disabled</Badge>;
  if (expires === undefined) return <Badge tone="good">Enabled</Badge>;
  if (expires <= Date.now()) return <Badge tone="bad">Expired</Badge>;
  return (
    <Badge tone="warn">
      Expires <Time at={expires} />
    </Badge>
  );
}

function csvRow({ keyId, name = "", start, identity, enabled, createdAt, lastUsedAt, expires, apiId }: Row) {
  const iso = (atMs: number | undefined) => (atMs === undefined ? "" : new Date(atMs).toISOString());
  return {
    keyId,
    name,
    start,
    apiId,
    externalId: identity?.externalId ?? "",
    enabled: String(enabled),
    created: iso(createdAt),
    lastUsed: iso(lastUsedAt),
    expires: iso(expires),
  };
}
