import { useEffect, useRef, useState } from "react";

const pauseMs = 250;

/**
 * Returns the text in a filter's field, and a function to call when the user types. `apply` is called when the user
 * stops typing for a moment. If something else changes the filter, such as the back button, the field shows the new
 * filter.
 */
export function useTypedFilter(
  filter: string,
  apply: (text: string) => void,
): [text: string, onChange: (text: string) => void] {
  const [text, setText] = useState(filter);
  const applied = useRef(filter);
  useEffect(() => {
    if (filter !== applied.current) setText(filter); // otherwise this would undo what was typed after `apply`
    applied.current = filter;
  }, [filter]);
  useEffect(() => {
    if (text === filter) return;
    const timer = setTimeout(() => {
      applied.current = text;
      apply(text);
    }, pauseMs);
    return () => clearTimeout(timer);
  });
  return [text, setText];
}
