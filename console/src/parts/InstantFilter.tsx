import { minuteMs } from "../data/time.ts";
import { TextField } from "./fields.tsx";
import { useTypedFilter } from "./typedFilter.ts";

type Props = {
  label: string;
  /** Unix time in milliseconds, as text */
  value: string | undefined;
  onChange(value: string | undefined): void;
};

/** A filter by a date and time in the browser's time zone. */
export function InstantFilter({ label, value, onChange }: Props) {
  const [text, setText] = useTypedFilter(value === undefined ? "" : localText(Number(value)), (typed) => {
    const atMs = new Date(typed).getTime();
    if (Number.isNaN(atMs)) onChange(undefined);
    else if (atMs >= 0) onChange(String(atMs)); // while the user types 2026, the year is 2, 20 and 202
  });
  return <TextField label={label} kind="datetime-local" value={text} onChange={setText} />;
}

/** Formats a time for an input of the type `datetime-local`: `2026-01-31T12:00`. */
export function localText(atMs: number): string {
  if (Number.isNaN(atMs)) return "";
  const offsetMs = new Date(atMs).getTimezoneOffset() * minuteMs;
  return new Date(atMs - offsetMs).toISOString().slice(0, 16);
}

/**
 * Returns the time in an input of the type `datetime-local`. The input has no seconds: while it shows the minute of
 * `storedMs`, the exact `storedMs` is returned. Text that is not a time, such as an empty text, is returned unchanged,
 * in spite of the return type. It is then sent, and the server's error names the field.
 */
export function instantIn(text: string, storedMs?: number): number {
  if (storedMs !== undefined && text === localText(storedMs)) return storedMs;
  const atMs = new Date(text).getTime();
  return Number.isNaN(atMs) ? (text as unknown as number) : atMs;
}
