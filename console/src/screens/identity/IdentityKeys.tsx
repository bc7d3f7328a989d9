import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Item } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { isHeld, useSession } from "../../data/session.ts";
import { Button } from "../../parts/Button.tsx";
import { ChangeButton } from "../../parts/ChangeButton.tsx";
import { Confirmation } from "../../parts/ConfirmDialog.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Card, Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Table } from "../../parts/Table.tsx";
import { Time } from "../../parts/Time.tsx";
import { RerollDialog } from "../key/RerollDialog.tsx";
import { CreateKey } from "../keys/CreateKey.tsx";
import { useDisableAll } from "./disableAll.ts";

type Row = Item<"keys.listKeys">;

/** The identity's keys, in all apis. */
export function IdentityKeys({ id, externalId }: { id: string; externalId: string }) {
  const { data, error } = useOperation("keys.listKeys", { identity: id, limit: 50, order: "desc" });
  const [rerolled, setRerolled] = useState<string>();
  const rows = data?.data ?? [];
  const hasMore = data?.pagination?.hasMore === true;
  return (
    <Card
      title="Keys"
      actions={
        <>
          {rows.some(({ enabled }) => enabled) || hasMore ? (
            <DisableAll id={id} externalId={externalId} />
          ) : null}
          <CreateKey externalId={externalId} />
        </>
      }
    >
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="keys" /> : null}
      {data?.data.length === 0 ? <p className="soft">No keys yet.</p> : null}
      {rows.length === 0 ? null : (
        <Table<Row>
          caption="Keys"
          rows={rows}
          keyOf={({ keyId }) => keyId}
          columns={[
            {
              label: "Name",
              cell: ({ keyId, name, start }) => (
                <Link to="/keys/$keyId" params={{ keyId }} className="clip" dir="auto">
                  {name ?? `${start}…`}
                </Link>
              ),
            },
            { label: "State", cell: ({ enabled }) => <State enabled={enabled} /> },
            { label: "Last used", cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
            { label: "", cell: (row) => <RowActions row={row} onReroll={setRerolled} /> },
          ]}
        />
      )}
      {hasMore ? (
        <Link to="/keys" search={{ identity: id }}>
          All keys
        </Link>
      ) : null}
      {rerolled === undefined ? null : (
        <RerollDialog keyId={rerolled} onClose={() => setRerolled(undefined)} />
      )}
    </Card>
  );
}

function State({ enabled }: { enabled: boolean }) {
  return enabled ? <Badge tone="good">Enabled</Badge> : <Badge tone="bad">Disabled</Badge>;
}

function RowActions({ row: { keyId, enabled }, onReroll }: { row: Row; onReroll(keyId: string): void }) {
  return (
    <span className="row">
      <ChangeButton
        small
        needs="api.<id>.update_key"
        operation="keys.updateKey"
        input={{ keyId, enabled: !enabled }}
      >
        {enabled ? "Disable" : "Enable"}
      </ChangeButton>
      <Button small needs="api.<id>.create_key" onClick={() => onReroll(keyId)}>
        Reroll
      </Button>
    </span>
  );
}

function DisableAll({ id, externalId }: { id: string; externalId: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button kind="danger" needs="api.<id>.update_key" onClick={() => setOpen(true)}>
        Disable all
      </Button>
      {isOpen ? <DisableAllDialog id={id} externalId={externalId} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

type DialogProps = { id: string; externalId: string; onClose(): void };

function DisableAllDialog({ id, externalId, onClose }: DialogProps) {
  const disable = useDisableAll(id, onClose);
  const readsAll = isHeld(useSession(), "api.*.read_key");
  return (
    <Confirmation
      title="Disable all keys of this identity?"
      onClose={onClose}
      submit="Disable all"
      name={externalId}
      busy={disable.isPending}
      error={disable.error}
      onConfirm={disable.mutate}
    >
      <p>Every request with one of its keys is refused until the key is enabled again.</p>
      {readsAll ? null : (
        <p>Keys of apis that this session may not read are not listed here, and stay enabled.</p>
      )}
    </Confirmation>
  );
}
