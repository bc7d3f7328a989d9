import { AreaField } from "./fields.tsx";
import { readObject } from "./jsonText.ts";

type Props = { label: string; value: string; onChange(value: string): void; error?: string | undefined };

/** A text field for a JSON object. If the text is not JSON, it shows in which line and column. */
export function JsonField({ label, value, onChange, error }: Props) {
  const read = readObject(value);
  return (
    <AreaField
      label={label}
      value={value}
      onChange={onChange}
      hint="A JSON object. It replaces the present one."
      error={"flaw" in read ? read.flaw : error}
    />
  );
}
