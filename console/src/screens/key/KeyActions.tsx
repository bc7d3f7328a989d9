import { useState } from "react";
import type { Data } from "../../data/api.ts";
import { ActionMenu } from "../../parts/ActionMenu.tsx";
import { Button } from "../../parts/Button.tsx";
import { ChangeButton } from "../../parts/ChangeButton.tsx";
import { NoticeDialog, Warnings } from "../../parts/Dialog.tsx";
import { KeyDialog, type KeyDialogKind } from "./KeyDialog.tsx";

const update = "api.<id>.update_key";

export function KeyActions({ value: key }: { value: Data<"keys.getKey"> }) {
  const { keyId } = key;
  const [open, setOpen] = useState<KeyDialogKind>();
  const [warnings, setWarnings] = useState<string[]>();
  const show = (what: KeyDialogKind) => () => setOpen(what);
  return (
    <>
      <ChangeButton needs={update} operation="keys.updateKey" input={{ keyId, enabled: !key.enabled }}>
        {key.enabled ? "Disable" : "Enable"}
      </ChangeButton>
      <Button needs="api.<id>.create_key" onClick={show("reroll")}>
        Reroll
      </Button>
      <ActionMenu
        label="More"
        actions={[
          { label: "Edit name, owner and expiry", needs: update, onSelect: show("details") },
          { label: "Edit meta", needs: update, onSelect: show("meta") },
          { label: "Edit limits", needs: update, onSelect: show("limits") },
          { label: "Edit credits", needs: update, onSelect: show("credits") },
          { label: "Edit roles and permissions", needs: update, onSelect: show("access") },
          { label: "Reveal the key", needs: "api.<id>.decrypt_key", onSelect: show("reveal") },
          { label: "Delete", needs: "api.<id>.delete_key", isDangerous: true, onSelect: show("delete") },
        ]}
      />
      {open === undefined ? null : (
        <KeyDialog value={key} kind={open} onClose={() => setOpen(undefined)} onSaved={setWarnings} />
      )}
      {warnings === undefined ? null : (
        <NoticeDialog title="Saved, with a warning" onClose={() => setWarnings(undefined)}>
          <Warnings warnings={warnings} />
        </NoticeDialog>
      )}
    </>
  );
}
