import { bound } from "./bound.ts";
import { SelectField, TextField } from "./fields.tsx";
import { type LimitDraft, units } from "./limitDrafts.ts";

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
  const field = bound<Props["draft"]>(draft, onChange, errorAt);
  return (
    <>
      <TextField label={label} kind="number" {...field("limit")} hint={hint} />
      <TextField label="Every" kind="number" {...field("length", "duration")} />
      <SelectField
        label="Unit"
        {...field("unit")}
        options={Object.keys(units).map((unit) => [unit, unit] as const)}
      />
    </>
  );
}
