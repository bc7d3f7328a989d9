import { useState } from "react";
import { Button } from "../../parts/Button.tsx";
import { ChangeButton } from "../../parts/ChangeButton.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import type { RootKey } from "./rootKey.ts";

type Props = { row: RootKey; onReroll(keyId: string): void };

export function RootKeyActions({ row: { keyId, name, enabled }, onReroll }: Props) {
  const [open, setOpen] = useState<"revoke" | "disable">();
  const close = () => setOpen(undefined);
  const needs = "root_key.<id>.update_root_key";
  return (
    <span className="row">
      {enabled ? (
        <Button small needs={needs} onClick={() => setOpen("disable")}>
          Disable
        </Button>
      ) : (
        <ChangeButton small needs={needs} operation="rootKeys.updateKey" input={{ keyId, enabled: true }}>
          Enable
        </ChangeButton>
      )}
      <Button small needs={needs} onClick={() => onReroll(keyId)}>
        Reroll
      </Button>
      <Button small kind="danger" needs="root_key.<id>.delete_root_key" onClick={() => setOpen("revoke")}>
        Revoke
      </Button>
      {open === "disable" ? (
        <ConfirmDialog
          title="Disable this root key?"
          onClose={close}
          submit="Disable"
          operation="rootKeys.updateKey"
          input={{ keyId, enabled: false }}
        >
          <p>Programs and sessions that use it are refused until it is enabled again.</p>
        </ConfirmDialog>
      ) : null}
      {open === "revoke" ? (
        <ConfirmDialog
          title="Revoke this root key?"
          onClose={close}
          submit="Revoke"
          name={name?.trim() || keyId}
          operation="rootKeys.deleteKey"
          input={{ keyId }}
        >
          <p>Programs and sessions that use this root key will be refused. You cannot undo this.</p>
        </ConfirmDialog>
      ) : null}
    </span>
  );
}
