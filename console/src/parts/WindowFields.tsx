import { SelectField, TextField } from "./fields.tsx";
import { type LimitDraft, type Unit, units } from "./limitDrafts.ts";

type Props = {
  draft: Pick<LimitDraft, "limit" | "length" | "unit">;
  onChange(change: Partial<LimitDraft>): void;
  errorAt(field: string): string | undefined;
  /** the label of the field for the number of calls */
  label: string;
  hint?: string;
};

/** The fields of a rate limit: how many calls, and in what time. */
export function WindowFields({ draft, onChange, errorAt, label, hint }: Props) {
  return (
    <>
      <TextField
        label={label}
        kind="number"
        value={draft.limit}
        onChange={(limit) => onChange({ limit })}
        hint={hint}
        error={errorAt("limit")}
      />
      <TextField
        label="Every"
        kind="number"
        value={draft.length}
        onChange={(length) => onChange({ length })}
        error={errorAt("duration")}
      />
      <SelectField
        label="Unit"
        value={draft.unit}
        onChange={(unit) => onChange({ unit: unit as Unit })}
        options={Object.keys(units).map((unit) => [unit, unit] as const)}
      />
    </>
  );
}
