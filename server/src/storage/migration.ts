import type { Engine } from "./engine.ts";

/** The engine's names for the types of columns. `tableEnd` is the SQL after the columns in `create table`. */
export type ColumnTypes = {
  engine: Engine["name"];
  text: string;
  int64: string;
  bytes: string;
  tableEnd: string;
};

/** One step from a version of the schema to the next. Never change a migration that has shipped. */
export type Migration = { name: string; statements(types: ColumnTypes): string[] };

/** The database that migrations run on. */
export type MigrationTarget = {
  types: ColumnTypes;
  /** Runs `work` in one transaction. Meanwhile, other processes that want to migrate this database wait. */
  locked(work: (run: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<void>): Promise<void>;
};
