import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { FormDialog } from "../Dialog.tsx";
import { ItemsField } from "../ItemsField.tsx";
import { QuotaFields } from "./QuotaFields.tsx";
import { newQuotaDraft, type Quota, type QuotaInput, quotaDraft, quotaOf } from "./quotaDrafts.ts";

type Props = {
  quotas: readonly Quota[];
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(quotas: QuotaInput[]): void;
};

/** Edits all quotas of a key or an identity. A quota keeps its used units as long as it keeps its name. */
export function QuotasDialog({ quotas, onSave, error, ...dialog }: Props) {
  const [drafts, setDrafts] = useState(() => quotas.map(quotaDraft));
  return (
    <FormDialog
      {...dialog}
      title="Edit quotas"
      wide
      submit="Save"
      error={error}
      fields={["quotas["]}
      onSubmit={() => onSave(drafts.map(quotaOf))}
    >
      <ItemsField
        items={drafts}
        onChange={setDrafts}
        what="quota"
        newItem={newQuotaDraft}
        fields={(draft, index, change) => (
          <QuotaFields
            draft={draft}
            onChange={change}
            errorAt={(field) => flawAt(error, `quotas[${index}].${field}`)}
          />
        )}
      />
    </FormDialog>
  );
}
