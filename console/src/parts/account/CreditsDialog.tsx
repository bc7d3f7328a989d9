import { useState } from "react";
import type { Input } from "../../data/api.ts";
import { FormDialog } from "../Dialog.tsx";
import { type Credits, type CreditsDraft, CreditsField, creditsDraft, creditsOf } from "./CreditsField.tsx";

type Props = {
  credits: Credits | undefined;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(credits: CreditsChange): void;
};

type CreditsChange = NonNullable<Input<"keys.updateKey">["credits"]>;

/**
 * Returns the change that the form describes. Omits the remaining credits unless the user has changed them, because
 * requests may have spent some of them since the dialog was opened. `null` removes the refill.
 */
function changeOf(draft: CreditsDraft, first: CreditsDraft): CreditsChange {
  const { remaining, refill = null } = creditsOf(draft);
  return draft.remaining === first.remaining ? { refill } : { remaining, refill };
}

export function CreditsDialog({ credits, onSave, error, ...dialog }: Props) {
  const [first] = useState(() => creditsDraft(credits));
  const [draft, setDraft] = useState(first);
  return (
    <FormDialog
      {...dialog}
      title="Edit credits"
      submit="Save"
      error={error}
      fields={["credits"]}
      onSubmit={() => onSave(changeOf(draft, first))}
    >
      <CreditsField draft={draft} onChange={setDraft} error={error} />
    </FormDialog>
  );
}
