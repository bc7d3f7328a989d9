import { useState } from "react";
import type { Item } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog, FormDialog } from "../../parts/Dialog.tsx";
import { CheckField, TextField } from "../../parts/fields.tsx";

type Api = Item<"apis.listApis">;

export function ApiActions({ api }: { api: Api }) {
  const { id, name } = api;
  const [open, setOpen] = useState<"edit" | "delete">();
  const close = () => setOpen(undefined);
  const remove = useChange("apis.deleteApi", close);
  return (
    <span className="row">
      <Button small needs={`api.${id}.update_api`} onClick={() => setOpen("edit")}>
        Edit
      </Button>
      <Button small kind="danger" needs={`api.${id}.delete_api`} onClick={() => setOpen("delete")}>
        Delete
      </Button>
      {open === "edit" ? <EditApi api={api} onClose={close} /> : null}
      <ConfirmDialog
        title="Delete this api?"
        open={open === "delete"}
        onClose={close}
        submit="Delete"
        name={name}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate({ apiId: id })}
      >
        <p>All its keys are deleted, too. This cannot be undone.</p>
      </ConfirmDialog>
    </span>
  );
}

function EditApi({ api, onClose }: { api: Api; onClose(): void }) {
  const [name, setName] = useState(api.name);
  const [isProtected, setProtected] = useState(api.deleteProtection === true);
  const update = useChange("apis.updateApi", onClose);
  return (
    <FormDialog
      title="Edit the api"
      open
      onClose={onClose}
      submit="Save"
      busy={update.isPending}
      error={update.error}
      fields={["name"]}
      onSubmit={() => update.mutate({ apiId: api.id, name, deleteProtection: isProtected })}
    >
      <TextField label="Name" value={name} onChange={setName} error={flawAt(update.error, "name")} />
      <CheckField
        label="Protected from deletion"
        hint="as long as this is checked"
        checked={isProtected}
        onChange={setProtected}
      />
    </FormDialog>
  );
}
