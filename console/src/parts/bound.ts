import { useState } from "react";
import { flawAt } from "../data/errors.ts";

/**
 * Connects fields with a draft. The returned function gives a field its value, what changes it, and the server's error
 * about it. Its second argument is the name that the API has for the field, if it is another one.
 */
export function bound<D>(
  draft: D,
  onChange: (change: Partial<D>) => void,
  errorAt: (field: string) => string | undefined,
) {
  return <F extends keyof D & string>(field: F, inApi: string = field) => ({
    value: draft[field],
    onChange: (value: D[F]) => onChange({ [field]: value } as unknown as Partial<D>),
    error: errorAt(inApi),
  });
}

/** Keeps the draft of a form. Returns it and the function that connects its fields. `error` is why the call failed. */
export function useBound<D>(first: D, error: unknown) {
  const [draft, setDraft] = useState(first);
  const field = bound(
    draft,
    (change) => setDraft({ ...draft, ...change }),
    (at) => flawAt(error, at),
  );
  return [draft, field] as const;
}
