import type { Database } from "bun:sqlite";
import type { SQL } from "bun";
import { within } from "./deadline.ts";
import { ask } from "./postgresQuery.ts";

export type PlainValue = string | number | null | Uint8Array;

/** The table and columns of an insert. `end` is the SQL after the values, such as `on conflict do nothing`. */
export type PlainInsert = { table: string; columns: Readonly<Record<string, ColumnType>>; end: string };

export type ColumnType = "int64" | "text" | "bytes";

/**
 * A connection that runs statements in plain SQL. Usage and copies need more of SQL than Kysely's portable queries
 * offer.
 */
export type PlainSql = {
  /** Runs one statement. Its parameters are `$1`, `$2` and so on, in the order in which they first occur. */
  rows<R>(statement: string, ...values: PlainValue[]): Promise<R[]>;
  /**
   * Inserts the rows in their order. If `end` has a `returning`, returns its rows. Two of the inserted rows must not
   * have the same key.
   */
  insert<R = never>(into: PlainInsert, rows: readonly (readonly PlainValue[])[]): Promise<R[]>;
};

/** Runs statements on a SQLite connection. */
export function sqliteRows(connection: Database): PlainSql {
  return {
    rows: async <R>(statement: string, ...values: PlainValue[]) =>
      connection.query<R, PlainValue[]>(statement).all(...values),
    async insert<R>(into: PlainInsert, rows: readonly (readonly PlainValue[])[]) {
      const inserted: R[] = [];
      for (let first = 0; first < rows.length; ) {
        const count = rows.length - first < rowsPerStatement ? 1 : rowsPerStatement;
        const statement = connection.query<R, PlainValue[]>(insertOf(into, count));
        const values = rows.slice(first, first + count).flat();
        if (statement.columnNames.length === 0) statement.run(...values);
        else inserted.push(...statement.all(...values));
        first += count;
      }
      return inserted;
    },
  };
}

/**
 * Inserting counts with 50 rows per statement takes half the time of one row per statement. More rows hardly help.
 */
const rowsPerStatement = 50;

function insertOf({ table, columns, end }: PlainInsert, rows: number): string {
  const names = Object.keys(columns);
  const row = `(${names.map(() => "?").join(", ")})`;
  return `insert into "${table}" (${quoted(names)}) values ${Array(rows).fill(row).join(", ")} ${end}`;
}

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(", ");

type Run = <T>(work: (client: SQL) => PromiseLike<T>) => PromiseLike<T>;

/** Runs statements on connections to PostgreSQL. A statement fails if it takes longer than `deadlineMs`. */
export function postgresRows(run: Run, deadlineMs: number): PlainSql {
  const rows = async <R>(statement: string, values: readonly PlainValue[]) => {
    const asked = run((client) => ask(client, statement, values as never));
    return [...(await within(deadlineMs, asked))] as R[];
  };
  return {
    rows: (statement, ...values) => rows(statement, values),
    /** Inserts all rows with one statement, in which each column is one array. */
    insert<R>({ table, columns, end }: PlainInsert, all: readonly (readonly PlainValue[])[]) {
      if (all.length === 0) return Promise.resolve<R[]>([]);
      const types = Object.values(columns);
      const arrays = types.map((type, index) => `$${index + 1}::${postgresTypes[type]}[]`).join(", ");
      const statement = `insert into "${table}" (${quoted(Object.keys(columns))})
        select * from unnest(${arrays}) ${end}`;
      const values = types.map((_, index) => arrayOf(all.map((row) => row[index] ?? null)));
      return rows<R>(statement, values);
    },
  };
}

const postgresTypes = { int64: "int8", text: "text", bytes: "bytea" };

/** Formats an array as PostgreSQL's text notation for arrays. */
function arrayOf(values: readonly PlainValue[]): string {
  const items = values.map((value) => {
    if (value === null) return "null";
    if (typeof value === "number") return String(value);
    const text = typeof value === "string" ? value : `\\x${Buffer.from(value).toString("hex")}`;
    return `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${items.join(",")}}`;
}
