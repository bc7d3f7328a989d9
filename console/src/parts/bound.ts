import { useState } from "react";
import { flawAt } from "../data/errors.ts";

/**
 * Connects fields with a draft. The returned function returns the properties of one field: its value, a function that
 * changes the value, and the server's error about the field. `inApi` is the field's name in the API, if it differs from
 * the name in the draft.
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

/**
 * Keeps the draft of a form. Returns the draft, and the function that connects fields with it. `error`: why the call
 * failed.
 */
export function useBound<D>(first: D, error: unknown) {
  const [draft, setDraft] = useState(first);
  const field = bound(
    draft,
    (change) => setDraft({ ...draft, ...change }),
    (at) => flawAt(error, at),
  );
  return [draft, field] as const;
}
