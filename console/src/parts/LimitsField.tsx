import { flawAt } from "../data/errors.ts";
import { bound } from "./bound.ts";
import { CheckField, TextField } from "./fields.tsx";
import { ItemsField } from "./ItemsField.tsx";
import { draftOf, type LimitDraft } from "./limitDrafts.ts";
import { WindowFields } from "./WindowFields.tsx";

type Props = { drafts: readonly LimitDraft[]; onChange(drafts: LimitDraft[]): void; error: unknown };

/** The fields of a list of rate limits. */
export function LimitsField({ drafts, onChange, error }: Props) {
  return (
    <ItemsField
      items={drafts}
      onChange={onChange}
      what="limit"
      newItem={draftOf}
      fields={(draft, index, change) => (
        <LimitFields
          draft={draft}
          onChange={change}
          errorAt={(field) => flawAt(error, `ratelimits[${index}].${field}`)}
        />
      )}
    />
  );
}

type FieldsProps = {
  draft: LimitDraft;
  onChange(change: Partial<LimitDraft>): void;
  errorAt(field: string): string | undefined;
};

function LimitFields({ draft, onChange, errorAt }: FieldsProps) {
  return (
    <>
      <div className="fields">
        <TextField label="Name" {...bound(draft, onChange, errorAt)("name")} />
        <WindowFields draft={draft} onChange={onChange} errorAt={errorAt} label="Limit" />
      </div>
      <CheckField
        label="Applies to every verification"
        checked={draft.autoApply}
        onChange={(autoApply) => onChange({ autoApply })}
      />
    </>
  );
}
