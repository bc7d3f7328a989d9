import { useState } from "react";
import type { Data, Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { TextField } from "../../parts/fields.tsx";
import { instantIn, localText } from "../../parts/InstantFilter.tsx";

type Props = {
  value: Data<"keys.getKey">;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(input: Input<"keys.updateKey">): void;
};

export function DetailsDialog({ value: key, onSave, error, ...dialog }: Props) {
  const [name, setName] = useState(key.name ?? "");
  const [externalId, setExternalId] = useState(key.identity?.externalId ?? "");
  const [expires, setExpires] = useState(key.expires === undefined ? "" : localText(key.expires));
  const save = () =>
    onSave({
      keyId: key.keyId,
      name: name === "" ? null : name,
      externalId: externalId === "" ? null : externalId,
      expires: expires === "" ? null : instantIn(expires, key.expires),
    });
  return (
    <FormDialog
      {...dialog}
      title="Edit name, owner and expiry"
      submit="Save"
      error={error}
      fields={["name", "externalId", "expires"]}
      onSubmit={save}
    >
      <TextField label="Name" value={name} onChange={setName} error={flawAt(error, "name")} />
      <TextField
        label="Owner's external id"
        value={externalId}
        onChange={setExternalId}
        hint="Your own id for the user or organization. If no identity has it, one is created."
        error={flawAt(error, "externalId")}
      />
      <TextField
        label="Expires"
        kind="datetime-local"
        value={expires}
        onChange={setExpires}
        hint="Empty: never. In this browser's time zone."
        error={flawAt(error, "expires")}
      />
    </FormDialog>
  );
}
