import { useNavigate, useSearch } from "@tanstack/react-router";

export type Filters = Readonly<Record<string, string | undefined>>;

/**
 * Returns the filters in the page's URL, and a function that changes some of them and goes to the first page of the
 * list. The value `undefined` removes a filter.
 */
export function useFilters(): [Filters, change: (changes: Filters) => void] {
  const filters: Filters = useSearch({ strict: false });
  const navigate = useNavigate();
  const change = (changes: Filters) => {
    const next = Object.entries({ ...filters, after: undefined, ...changes });
    const search = Object.fromEntries(next.filter(([, value]) => value !== undefined && value !== ""));
    void navigate({ to: ".", search: search as never, replace: !("after" in changes) });
  };
  return [filters, change];
}
