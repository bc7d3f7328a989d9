import { useState } from "react";
import type { ServerStatus } from "../../data/serverStatus.ts";
import { Card } from "../../parts/Page.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { Table } from "../../parts/Table.tsx";

type Setting = ServerStatus["settings"][number];

/** All settings of the node. The server has masked the secrets among them. */
export function Settings({ settings }: { settings: readonly Setting[] }) {
  const [search, setSearch] = useState<string>();
  const wanted = (search ?? "").toLowerCase();
  const rows = settings.filter(({ name, description }) =>
    `${name} ${description}`.toLowerCase().includes(wanted),
  );
  return (
    <Card title="Settings" actions={<SearchField label="Setting" value={search} onChange={setSearch} />}>
      {rows.length === 0 ? <p className="soft">No setting contains this text.</p> : null}
      {rows.length === 0 ? null : (
        <Table<Setting>
          caption="Settings"
          rows={rows}
          keyOf={({ name }) => name}
          columns={[
            { label: "Name", cell: ({ name }) => <code>{name}</code> },
            {
              label: "Value",
              cell: ({ value }) =>
                value === "" ? (
                  <span className="soft">not set</span>
                ) : (
                  <code className="clip" title={value}>
                    {value}
                  </code>
                ),
            },
            {
              label: "What it sets",
              cell: ({ description }) => <span className="soft small">{description}</span>,
            },
          ]}
        />
      )}
    </Card>
  );
}
