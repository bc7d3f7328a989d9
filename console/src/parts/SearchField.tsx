import { TextField } from "./fields.tsx";
import { useTypedFilter } from "./typedFilter.ts";

type Props = { label: string; value: string | undefined; onChange(value: string | undefined): void };

/** A search field. It searches when the user stops typing for a moment. */
export function SearchField({ label, value, onChange }: Props) {
  const [text, setText] = useTypedFilter(value ?? "", (typed) => onChange(typed === "" ? undefined : typed));
  return <TextField label={label} kind="search" value={text} onChange={setText} wide />;
}
