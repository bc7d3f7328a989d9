import { Link } from "@tanstack/react-router";
import type { Item } from "../../data/api.ts";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Id } from "../../parts/Copy.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { Empty, List, NothingFound } from "../../parts/Table.tsx";
import { Time } from "../../parts/Time.tsx";

type Row = Item<"ratelimit.listNamespaces">;

export function Limits() {
  const [{ search, after }, change] = useFilters();
  const input = pageInput({ cursor: after, search, order: "desc" as const });
  const query = useOperation("ratelimit.listNamespaces", input, { keepPrevious: true });
  return (
    <Page
      title="Rate limits"
      lead="Rate limits without keys. Each namespace counts its identifiers separately."
    >
      <div className="filters">
        <SearchField label="Namespace" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <List<"ratelimit.listNamespaces", Row>
        query={query}
        caption="Namespaces"
        keyOf={({ id }) => id}
        empty={
          search === undefined ? (
            <Empty
              operation="ratelimit.limit"
              input={{ namespace: "email.send", identifier: "user_123", limit: 10, duration: 60_000 }}
            >
              No namespaces yet. The first use creates one:
            </Empty>
          ) : (
            <NothingFound onClear={() => change({ search: undefined })} />
          )
        }
        columns={[
          {
            label: "Namespace",
            cell: ({ name }) => (
              <Link to="/limits/$namespace" params={{ namespace: name }} className="clip" dir="auto">
                {name}
              </Link>
            ),
          },
          { label: "Id", cell: ({ id }) => <Id id={id} what="namespace id" /> },
          { label: "Created", cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
      <AsCode operation="ratelimit.listNamespaces" input={input} />
    </Page>
  );
}
