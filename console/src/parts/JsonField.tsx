import { AreaField } from "./fields.tsx";
import { readObject } from "./jsonText.ts";

type Props = { label: string; value: string; onChange(value: string): void; error?: string | undefined };

/** A text field for a JSON object. It shows where the text is invalid. */
export function JsonField({ label, value, onChange, error }: Props) {
  const read = readObject(value);
  return (
    <AreaField
      label={label}
      value={value}
      onChange={onChange}
      hint="A JSON object. Replaces all of it."
      error={"flaw" in read ? read.flaw : error}
    />
  );
}
