/**
 * A read-only connection to the database of another product. The parameters of a statement are `$1`, `$2` and so on.
 */
export type ForeignDatabase = {
  rows(statement: string, ...values: (string | number | Uint8Array)[]): Promise<ForeignRow[]>;
  close(): Promise<void>;
};

export type ForeignRow = Readonly<Record<string, unknown>>;

export type ScratchValue = string | number | null | Uint8Array;

/**
 * A database in a temporary file, for more rows than fit into memory. Only this process can use it; `close` removes it.
 */
export type ScratchDatabase = ForeignDatabase & {
  create(table: string, columns: readonly string[]): void;
  insert(table: string, rows: readonly (readonly ScratchValue[])[]): void;
  /** Runs a statement without a result, in SQLite's SQL. */
  run(statement: string, ...values: (string | number)[]): void;
};
