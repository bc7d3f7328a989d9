import { useState } from "react";
import type { Data, Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { bound } from "../../parts/bound.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { ExpiryField } from "../../parts/ExpiryField.tsx";
import { TextField } from "../../parts/fields.tsx";
import { instantIn, localText } from "../../parts/InstantFilter.tsx";

type Key = Data<"keys.getKey">;

type Props = {
  value: Key;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(input: Input<"keys.updateKey">): void;
};

type Draft = { name: string; externalId: string; expires: string };

function draftOf({ name = "", identity, expires }: Key): Draft {
  return {
    name,
    externalId: identity?.externalId ?? "",
    expires: expires === undefined ? "" : localText(expires),
  };
}

function expiryIn(text: string, storedMs: number | undefined): number | null {
  return text === "" ? null : instantIn(text, storedMs);
}

/** The dialog that edits a key's name, owner and expiry. It sends only what the user has changed. */
export function DetailsDialog({ value: key, onSave, error, ...dialog }: Props) {
  const [typed, setTyped] = useState<Partial<Draft>>({});
  const field = bound(
    { ...draftOf(key), ...typed },
    (change) => setTyped({ ...typed, ...change }),
    (at) => flawAt(error, at),
  );
  const { name, externalId, expires } = typed;
  const save = () =>
    onSave({
      keyId: key.keyId,
      name: name === "" ? null : name,
      externalId: externalId === "" ? null : externalId,
      expires: expires === undefined ? undefined : expiryIn(expires, key.expires),
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
      <TextField label="Name" {...field("name")} />
      <TextField
        label="Owner's external id"
        {...field("externalId")}
        hint="Your own id for the user or organization. If no identity has it, one is created."
      />
      <ExpiryField {...field("expires")} />
    </FormDialog>
  );
}
