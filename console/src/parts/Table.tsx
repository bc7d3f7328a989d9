import type { UseQueryResult } from "@tanstack/react-query";
import type { Input, OperationName, Response } from "../data/api.ts";
import { useFilters } from "../data/filters.ts";
import { snippets } from "./AsCode.tsx";
import { Copy } from "./Copy.tsx";
import { Loading } from "./Page.tsx";
import { Problem } from "./Problem.tsx";

export type Column<T> = {
  /** the heading of the column; empty for the column with the actions of a row */
  label: string;
  cell(row: T): React.ReactNode;
  isNumber?: boolean;
};

type Rows<T> = { caption: string; columns: readonly Column<T>[]; rows: readonly T[]; keyOf(row: T): string };

/** On a narrow screen each row becomes a list of labels and values. */
export function Table<T>({ caption, columns, rows, keyOf }: Rows<T>) {
  return (
    <div className="table-scroll">
      <table className="rows">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, isNumber }) => (
              <th key={label} scope="col" className={isNumber === true ? "number" : undefined}>
                {label === "" ? <span className="visually-hidden">Actions</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row="">
              {columns.map(({ label, cell, isNumber }) => (
                <td key={label} data-label={label} className={isNumber === true ? "number" : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type ListProps<N extends OperationName, T> = Omit<Rows<T>, "rows"> & {
  query: UseQueryResult<Response<N>>;
  /** shown instead of the table if no page of the list has rows */
  empty: React.ReactNode;
};

/**
 * A page of a list, with a button for the next page. While the list is loading, is empty or failed to load, says so
 * instead.
 */
export function List<N extends OperationName, T>({ query, empty, ...table }: ListProps<N, T>) {
  const [filters] = useFilters();
  const { data, error, isPlaceholderData } = query;
  if (data === undefined)
    return error === null ? <Loading what={table.caption} /> : <Problem error={error} />;
  const rows = data.data as readonly T[];
  const cursor = data.pagination?.cursor;
  const isFirst = filters["after"] === undefined;
  if (rows.length === 0 && isFirst && cursor === undefined) return empty;
  return (
    <>
      <section className="table-frame" aria-busy={isPlaceholderData} aria-label={table.caption}>
        <Table {...table} rows={rows} />
        {rows.length === 0 ? <p className="loading">This page has no rows.</p> : null}
      </section>
      <Pages cursor={cursor} />
    </>
  );
}

/**
 * The buttons for the first and the next page of a list. `cursor`: where the next page begins; undefined on the last
 * page
 */
export function Pages({ cursor }: { cursor: string | undefined }) {
  const [filters, change] = useFilters();
  const isFirst = filters["after"] === undefined;
  if (isFirst && cursor === undefined) return null;
  return (
    <nav className="pages" aria-label="Pages">
      <button type="button" className="button" disabled={isFirst} onClick={() => change({})}>
        First page
      </button>
      <button
        type="button"
        className="button"
        disabled={cursor === undefined}
        onClick={() => change({ after: cursor })}
      >
        Next page
      </button>
    </nav>
  );
}

type EmptyProps<N extends OperationName> = {
  children: React.ReactNode;
  /** the call that would create a first item; shown as a curl command */
  operation: N;
  input: Input<N>;
};

export function Empty<N extends OperationName>({ children, operation, input }: EmptyProps<N>) {
  const { curl } = snippets(operation, input);
  return (
    <div className="empty">
      <p>{children}</p>
      <pre className="code">{curl}</pre>
      <Copy text={curl} what="curl command" />
    </div>
  );
}

/** `among`: what was searched, if that is only a part of the list. */
export function NothingFound({ among, onClear }: { among?: string | undefined; onClear(): void }) {
  return (
    <div className="empty">
      <p>{among === undefined ? "Nothing" : `Nothing in ${among}`} matches these filters.</p>
      <button type="button" className="button" onClick={onClear}>
        Clear the filters
      </button>
    </div>
  );
}
