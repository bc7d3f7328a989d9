import { useNavigate, useSearch } from "@tanstack/react-router";

export type Filters = Readonly<Record<string, string | undefined>>;

/** The filters of the page, as its URL has them. `change` goes back to the first page; `undefined` removes a filter. */
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
