import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { useSession } from "../../data/session.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Page } from "../../parts/Page.tsx";
import { List, NothingFound } from "../../parts/Table.tsx";
import { Time } from "../../parts/Time.tsx";
import { CreateRootKey } from "./CreateRootKey.tsx";
import { RerollRootKey } from "./RerollRootKey.tsx";
import { RootKeyActions } from "./RootKeyActions.tsx";
import type { RootKey } from "./rootKey.ts";

export function RootKeys() {
  const [{ after }, change] = useFilters();
  const input = pageInput({ cursor: after });
  const query = useOperation("rootKeys.listKeys", input, { keepPrevious: true });
  // The dialog is not in the row: when the list is read again, the row can leave the page, and a dialog in it would
  // close although it shows the new root key.
  const [rerolled, setRerolled] = useState<string>();
  const risky = (query.data?.data ?? []).filter(isRisky);
  return (
    <Page
      title="Root keys"
      lead="They manage this workspace, here and through the API."
      actions={<CreateRootKey />}
    >
      {risky.length === 0 ? null : (
        <p className="note warn">
          <strong>
            {risky.length === 1 ? "One root key has" : `${risky.length} root keys have`} every permission and
            no expiry
          </strong>
          If such a key leaks, the whole workspace is open until it is revoked. Give programs only what they
          need.
        </p>
      )}
      <List<"rootKeys.listKeys", RootKey>
        query={query}
        caption="Root keys"
        keyOf={({ keyId }) => keyId}
        empty={<NothingFound onClear={() => change({})} />}
        columns={[
          { label: "Name", cell: (row) => <Name row={row} /> },
          {
            label: "Key",
            cell: ({ start, end }) => <code className="small soft">{shortened(start, end)}</code>,
          },
          { label: "Permissions", cell: (row) => <Permissions row={row} /> },
          { label: "Last used", cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
          { label: "Expires", cell: ({ expires }) => <Time at={expires} /> },
          { label: "", cell: (row) => <RootKeyActions row={row} onReroll={setRerolled} /> },
        ]}
      />
      {rerolled === undefined ? null : (
        <RerollRootKey keyId={rerolled} onClose={() => setRerolled(undefined)} />
      )}
      <AsCode operation="rootKeys.listKeys" input={input} />
    </Page>
  );
}

function isRisky({ permissions, expires, enabled }: RootKey): boolean {
  return enabled && expires === null && permissions.includes("*");
}

function shortened(start: string, end: string): string {
  return start === "" && end === "" ? "" : `${start}…${end}`;
}

function Name({ row: { keyId, name, enabled } }: { row: RootKey }) {
  const { rootKeyId } = useSession();
  return (
    <span className="row">
      <Link to="/audit" search={{ actorId: keyId }} className="clip" dir="auto">
        {name ?? keyId}
      </Link>
      {keyId === rootKeyId ? <Badge>this session</Badge> : null}
      {enabled ? null : <Badge tone="bad">Disabled</Badge>}
    </span>
  );
}

function Permissions({ row: { permissions } }: { row: RootKey }) {
  if (permissions.includes("*")) return <Badge tone="warn">everything</Badge>;
  const [first, ...others] = permissions;
  return (
    <span title={permissions.join("\n")}>
      <code className="small">{first}</code>
      {others.length === 0 ? null : <span className="soft small"> and {others.length} more</span>}
    </span>
  );
}
