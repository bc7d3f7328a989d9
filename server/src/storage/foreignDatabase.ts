/** A read-only connection to the database of another product. Parameters of statements are `$1`, `$2` and so on. */
export type ForeignDatabase = {
  rows(statement: string, ...values: (string | number)[]): Promise<ForeignRow[]>;
  close(): Promise<void>;
};

export type ForeignRow = Readonly<Record<string, unknown>>;
