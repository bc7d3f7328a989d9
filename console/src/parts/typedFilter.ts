import { useEffect, useState } from "react";

const pauseMs = 250;

/**
 * Returns the text in a filter's field, and a function for what the user types. `apply` is called when the user stops
 * typing for a moment. Until then the field keeps what was typed, whatever the filter is.
 */
export function useTypedFilter(
  filter: string,
  apply: (text: string) => void,
): [text: string, onChange: (text: string) => void] {
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    if (text === filter) return;
    const timer = setTimeout(() => apply(text), pauseMs);
    return () => clearTimeout(timer);
  });
  return [text, setText];
}
