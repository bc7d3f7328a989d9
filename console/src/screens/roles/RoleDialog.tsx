import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { TextField } from "../../parts/fields.tsx";
import { itemsIn, ListField } from "../../parts/ListField.tsx";

export type RoleFields = { name: string; description: string; permissions: string[] };

type Props = {
  title: string;
  submit: string;
  value: RoleFields;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(fields: RoleFields): void;
};

export function RoleDialog({ value, onSave, error, ...dialog }: Props) {
  const [name, setName] = useState(value.name);
  const [description, setDescription] = useState(value.description);
  const [permissions, setPermissions] = useState(value.permissions.join("\n"));
  return (
    <FormDialog
      {...dialog}
      error={error}
      fields={["name", "description", "permissions"]}
      onSubmit={() => onSave({ name, description, permissions: itemsIn(permissions) })}
    >
      <TextField label="Name" value={name} onChange={setName} error={flawAt(error, "name")} />
      <TextField
        label="Description"
        value={description}
        onChange={setDescription}
        error={flawAt(error, "description")}
      />
      <ListField
        label="Permissions"
        value={permissions}
        onChange={setPermissions}
        hint="One on each line. Permissions that do not exist yet are created."
        error={flawAt(error, "permissions")}
      />
    </FormDialog>
  );
}
