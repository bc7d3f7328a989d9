import { useState } from "react";
import { FormDialog } from "./Dialog.tsx";
import { LimitsField } from "./LimitsField.tsx";
import { draftOf, limitsOf } from "./limitDrafts.ts";

type Limits = ReturnType<typeof limitsOf>;

type Props = {
  ratelimits: Limits;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(ratelimits: Limits): void;
};

export function LimitsDialog({ ratelimits, onSave, error, ...dialog }: Props) {
  const [drafts, setDrafts] = useState(() => ratelimits.map(draftOf));
  return (
    <FormDialog
      {...dialog}
      title="Edit rate limits"
      wide
      submit="Save"
      error={error}
      fields={["ratelimits["]}
      onSubmit={() => onSave(limitsOf(drafts))}
    >
      <LimitsField drafts={drafts} onChange={setDrafts} error={error} />
    </FormDialog>
  );
}
