import { AreaField } from "./fields.tsx";
import { readObject } from "./jsonText.ts";

type Props = {
  label: string;
  value: string;
  onChange(value: string): void;
  hint?: string;
  error?: string | undefined;
};

/** A text field for a JSON object. If the text is not JSON, the field shows in which line and column. */
export function JsonField({ value, error, hint = "A JSON object", ...field }: Props) {
  const read = readObject(value);
  return <AreaField {...field} value={value} hint={hint} error={"flaw" in read ? read.flaw : error} />;
}
