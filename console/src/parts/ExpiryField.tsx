import { TextField } from "./fields.tsx";
import { instantIn } from "./InstantFilter.tsx";

type Props = { value: string; onChange(value: string): void; error: string | undefined };

/** A field for when something expires. */
export function ExpiryField(props: Props) {
  return (
    <TextField
      {...props}
      label="Expires"
      kind="datetime-local"
      hint="Empty: never. In this browser's time zone."
    />
  );
}

/** Returns the expiry for a request that creates something: no member `expires` if the field is empty. */
export function expiryOf(text: string): { expires?: number } {
  return text === "" ? {} : { expires: instantIn(text) };
}
