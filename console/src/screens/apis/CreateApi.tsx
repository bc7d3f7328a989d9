import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { FormDialog } from "../../parts/Dialog.tsx";
import { TextField } from "../../parts/fields.tsx";

export function CreateApi() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button kind="primary" needs="api.*.create_api" onClick={() => setOpen(true)}>
        Create an api
      </Button>
      {isOpen ? <CreateApiDialog onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function CreateApiDialog({ onClose }: { onClose(): void }) {
  const [name, setName] = useState("");
  const create = useChange("apis.createApi", onClose);
  return (
    <FormDialog
      title="Create an api"
      onClose={onClose}
      submit="Create"
      busy={create.isPending}
      error={create.error}
      fields={["name"]}
      onSubmit={() => create.mutate({ name })}
    >
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        hint="For people to recognize it, such as Payments. Several apis may have the same name."
        error={flawAt(create.error, "name")}
      />
    </FormDialog>
  );
}
