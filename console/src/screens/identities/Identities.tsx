import { Link } from "@tanstack/react-router";
import type { Item } from "../../data/api.ts";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { number } from "../../data/time.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { Empty, List, NothingFound } from "../../parts/Table.tsx";

type Row = Item<"identities.listIdentities">;

export function Identities() {
  const [{ search, after }, change] = useFilters();
  const input = pageInput({ cursor: after, search });
  const query = useOperation("identities.listIdentities", input, { keepPrevious: true });
  return (
    <Page title="Identities" lead="Users and organizations, with the keys and limits that they share.">
      <div className="filters">
        <SearchField label="External id" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <List<"identities.listIdentities", Row>
        query={query}
        caption="Identities"
        keyOf={({ id }) => id}
        empty={
          search === undefined ? (
            <Empty operation="identities.createIdentity" input={{ externalId: "user_123" }}>
              No identities yet. This creates the first one:
            </Empty>
          ) : (
            <NothingFound onClear={() => change({ search: undefined })} />
          )
        }
        columns={[
          {
            label: "External id",
            cell: ({ externalId }) => (
              <Link to="/identities/$identity" params={{ identity: externalId }} className="clip" dir="auto">
                {externalId}
              </Link>
            ),
          },
          { label: "Meta", cell: ({ meta }) => <code className="clip small soft">{shortMeta(meta)}</code> },
          { label: "Limits", isNumber: true, cell: ({ ratelimits }) => number(ratelimits.length) },
        ]}
      />
      <AsCode operation="identities.listIdentities" input={input} />
    </Page>
  );
}

function shortMeta(meta: object): string {
  const text = JSON.stringify(meta);
  return text === "{}" ? "" : text.slice(0, 200);
}
