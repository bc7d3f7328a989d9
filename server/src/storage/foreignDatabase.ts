/** The database of another product, which is only read. Parameters of statements are `$1`, `$2` and so on. */
export type ForeignDatabase = {
  rows(statement: string, ...values: (string | number)[]): Promise<ForeignRow[]>;
  close(): Promise<void>;
};

export type ForeignRow = Readonly<Record<string, unknown>>;
