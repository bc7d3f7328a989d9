import { useState } from "react";
import type { Item } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { FormDialog } from "../../parts/Dialog.tsx";
import { CheckField, TextField } from "../../parts/fields.tsx";

type Api = Item<"apis.listApis">;

export function ApiActions({ api }: { api: Api }) {
  const { id, name } = api;
  const [open, setOpen] = useState<"edit" | "delete">();
  const close = () => setOpen(undefined);
  return (
    <span className="row">
      <Button small needs={`api.${id}.update_api`} onClick={() => setOpen("edit")}>
        Edit
      </Button>
      <Button small kind="danger" needs={`api.${id}.delete_api`} onClick={() => setOpen("delete")}>
        Delete
      </Button>
      {open === "edit" ? <EditApi api={api} onClose={close} /> : null}
      {open === "delete" ? (
        <ConfirmDialog
          title="Delete this api?"
          onClose={close}
          submit="Delete"
          name={name}
          operation="apis.deleteApi"
          input={{ apiId: id }}
        >
          <p>All its keys are deleted, too. This cannot be undone.</p>
        </ConfirmDialog>
      ) : null}
    </span>
  );
}

/** The dialog that edits an api. It sends only what the user has changed. */
function EditApi({ api: { id, name, deleteProtection = false }, onClose }: { api: Api; onClose(): void }) {
  const [newName, setName] = useState<string>();
  const [isProtected, setProtected] = useState<boolean>();
  const update = useChange("apis.updateApi", onClose);
  const input = { apiId: id, name: newName, deleteProtection: isProtected };
  return (
    <FormDialog
      title="Edit the api"
      onClose={onClose}
      submit="Save"
      busy={update.isPending}
      error={update.error}
      fields={["name"]}
      onSubmit={() => update.mutate(input)}
    >
      <TextField
        label="Name"
        value={newName ?? name}
        onChange={setName}
        error={flawAt(update.error, "name")}
      />
      <CheckField
        label="Protected from deletion"
        hint="as long as this is checked"
        checked={isProtected ?? deleteProtection}
        onChange={setProtected}
      />
    </FormDialog>
  );
}
