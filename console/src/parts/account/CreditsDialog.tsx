import { useState } from "react";
import { FormDialog } from "../Dialog.tsx";
import { type Credits, CreditsField, creditsDraft, creditsOf } from "./CreditsField.tsx";

type Props = {
  credits: Credits | undefined;
  onClose(): void;
  busy: boolean;
  error: unknown;
  /** Called with the new credits, or null for unlimited ones. */
  onSave(credits: NonNullable<ReturnType<typeof creditsOf>> | null): void;
};

export function CreditsDialog({ credits, onSave, error, ...dialog }: Props) {
  const [draft, setDraft] = useState(() => creditsDraft(credits));
  return (
    <FormDialog
      {...dialog}
      title="Edit credits"
      open
      submit="Save"
      error={error}
      fields={["credits"]}
      onSubmit={() => onSave(creditsOf(draft) ?? null)}
    >
      <CreditsField draft={draft} onChange={setDraft} error={error} />
    </FormDialog>
  );
}
