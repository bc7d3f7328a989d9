import { Link } from "@tanstack/react-router";
import type { Item } from "../../data/api.ts";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Id } from "../../parts/Copy.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { Empty, List, NothingFound } from "../../parts/Table.tsx";
import { ApiActions } from "./ApiActions.tsx";
import { CreateApi } from "./CreateApi.tsx";

type Row = Item<"apis.listApis">;

export function Apis() {
  const [{ search, after }, change] = useFilters();
  const input = pageInput({ cursor: after, search, order: "desc" as const });
  const query = useOperation("apis.listApis", input, { keepPrevious: true });
  return (
    <Page title="APIs" lead="Each api has keys of its own." actions={<CreateApi />}>
      <div className="filters">
        <SearchField label="Name or id" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <List<"apis.listApis", Row>
        query={query}
        caption="APIs"
        keyOf={({ id }) => id}
        empty={
          search === undefined ? (
            <Empty operation="apis.createApi" input={{ name: "Payments" }}>
              No apis yet. This creates the first one:
            </Empty>
          ) : (
            <NothingFound onClear={() => change({ search: undefined })} />
          )
        }
        columns={[
          {
            label: "Name",
            cell: ({ id, name }) => (
              <Link to="/keys" search={{ apiId: id }} className="clip" dir="auto">
                {name}
              </Link>
            ),
          },
          { label: "Id", cell: ({ id }) => <Id id={id} what="api id" /> },
          {
            label: "State",
            cell: ({ deleteProtection }) => (deleteProtection === true ? <Badge>Protected</Badge> : null),
          },
          { label: "", cell: (row) => <ApiActions api={row} /> },
        ]}
      />
      <AsCode operation="apis.listApis" input={input} />
    </Page>
  );
}
