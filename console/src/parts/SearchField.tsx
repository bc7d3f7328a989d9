import { useEffect, useState } from "react";
import { TextField } from "./fields.tsx";

const pauseMs = 250;

type Props = { label: string; value: string | undefined; onChange(value: string | undefined): void };

/** A search field. It searches when the user stops typing for a moment. */
export function SearchField({ label, value, onChange }: Props) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  useEffect(() => {
    if (text === (value ?? "")) return;
    const timer = setTimeout(() => onChange(text === "" ? undefined : text), pauseMs);
    return () => clearTimeout(timer);
  });
  return <TextField label={label} kind="search" value={text} onChange={setText} wide />;
}
