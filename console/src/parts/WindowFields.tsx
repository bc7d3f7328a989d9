import { SelectField, TextField } from "./fields.tsx";
import { type LimitDraft, type Unit, units } from "./limitDrafts.ts";

type Props = {
  draft: Pick<LimitDraft, "limit" | "length" | "unit">;
  onChange(change: Partial<LimitDraft>): void;
  errorAt(field: string): string | undefined;
  /** of the field with the limit itself */
  label: string;
  hint?: string;
};

/** A limit and the length of its window. */
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
