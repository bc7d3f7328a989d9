import { useState } from "react";
import type { Input } from "../../data/api.ts";
import { FormDialog } from "../Dialog.tsx";
import { type Credits, type CreditsDraft, CreditsField, creditsDraft, creditsOf } from "./CreditsField.tsx";

type Props = {
  credits: Credits | undefined;
  onClose(): void;
  busy: boolean;
  error: unknown;
  /** Called with the new credits, or null for unlimited ones. */
  onSave(credits: CreditsChange | null): void;
};

type CreditsChange = NonNullable<Input<"keys.updateKey">["credits"]>;

/** Returns the change that the form describes. An omitted refill would stay unchanged, so null removes it. */
function changeOf(draft: CreditsDraft): CreditsChange | null {
  const credits = creditsOf(draft);
  return credits === undefined ? null : { refill: null, ...credits };
}

export function CreditsDialog({ credits, onSave, error, ...dialog }: Props) {
  const [draft, setDraft] = useState(() => creditsDraft(credits));
  return (
    <FormDialog
      {...dialog}
      title="Edit credits"
      submit="Save"
      error={error}
      fields={["credits"]}
      onSubmit={() => onSave(changeOf(draft))}
    >
      <CreditsField draft={draft} onChange={setDraft} error={error} />
    </FormDialog>
  );
}
