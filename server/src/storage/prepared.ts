import {
  type CompiledQuery,
  type DialectAdapter,
  type Expression,
  PostgresAdapter,
  type SqlBool,
  sql,
} from "kysely";
import type { Db } from "./schema.ts";

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;
type Argument = Value | boolean | undefined | readonly string[] | readonly Row[];
type Arguments = Readonly<Record<string, Argument>>;

/**
 * Defines a prepared query. The query is built and compiled when it first runs; later runs only fill in the arguments.
 * Building and compiling a query takes several times as long as running it on SQLite. So define every query of an
 * operation like this, at the top level of its module.
 *
 * `build` receives placeholders instead of the arguments, so it cannot compute with them. It may use an argument only
 * as a value, and a list of texts only in `isIn`. There are two exceptions:
 * - `undefined` and booleans are passed unchanged, so that `build` can omit a condition. The query is compiled once for
 *   each combination of these arguments.
 * - A list of rows is passed as a list of the same length, whose rows have placeholders as values. The query is
 *   compiled once for each length.
 */
export function prepared<A extends { [Name in keyof A]-?: Argument }, R>(
  build: (db: Db, args: A) => CompiledQuery<R>,
): (db: Db, args: A) => Promise<R[]> {
  const kept = new WeakMap<DialectAdapter, Kept<R>>();

  function fillableFor(db: Db, args: A): Fillable<R> {
    const { adapter } = db.getExecutor();
    let ofDialect = kept.get(adapter);
    if (ofDialect === undefined) {
      ofDialect = { byShape: new Map(), long: undefined };
      kept.set(adapter, ofDialect);
    }
    const shape = shapeOf(args as Arguments);
    const known = ofDialect.byShape.get(shape.name);
    if (known !== undefined) return known;
    if (ofDialect.long?.shape === shape.name) return ofDialect.long.query;
    const query = fillable(build(db, placeholdersFor(args as Arguments, notationOf(adapter)) as A));
    if (shape.isLong) ofDialect.long = { shape: shape.name, query };
    else ofDialect.byShape.set(shape.name, query);
    return query;
  }

  return async (db, args) => {
    const { query, parametersFrom } = fillableFor(db, args);
    const { rows } = await db.executeQuery<R>({ ...query, parameters: parametersFrom(args as Arguments) });
    return rows;
  };
}

/**
 * The compiled queries of one dialect, by the shape of their arguments. A query for more than `longestKept` rows is
 * large, so `long` keeps only the latest such query.
 */
type Kept<R> = { byShape: Map<string, Fillable<R>>; long: { shape: string; query: Fillable<R> } | undefined };

const longestKept = 100;

/**
 * Returns the shape of the arguments: which of them are omitted, the booleans, and the length of each list of rows.
 * Arguments of the same shape share a compiled query.
 */
function shapeOf(args: Arguments): { name: string; isLong: boolean } {
  let name = "";
  let isLong = false;
  for (const argument in args) {
    const value = args[argument];
    if (value === undefined || typeof value === "boolean") name += `${argument} ${value} `;
    else if (isRows(value)) {
      name += `${argument} ${value.length} `;
      isLong ||= value.length > longestKept;
    }
  }
  return { name, isLong };
}

function isRows(value: Argument): value is readonly Row[] {
  return typeof value === "object" && value !== null && typeof value[0] === "object";
}

/** Stands in a compiled query for an argument or, if `at` is set, for a column of one row in a list of rows. */
type Placeholder = { argument: string; at?: { row: number; column: string }; notation?: ListNotation };

function placeholdersFor(args: Arguments, notation: ListNotation): Record<string, unknown> {
  const entries = Object.entries(args).map(([argument, value]) => {
    if (value === undefined || typeof value === "boolean") return [argument, value];
    if (!isRows(value)) return [argument, { argument, notation } satisfies Placeholder];
    const rows = value.map((row, index) =>
      Object.fromEntries(
        Object.keys(row).map((column) => [
          column,
          { argument, at: { row: index, column } } satisfies Placeholder,
        ]),
      ),
    );
    return [argument, rows];
  });
  return Object.fromEntries(entries);
}

type Fillable<R> = { query: CompiledQuery<R>; parametersFrom: (args: Arguments) => Value[] };

function fillable<R>(query: CompiledQuery<R>): Fillable<R> {
  return {
    query,
    parametersFrom: (args) =>
      query.parameters.map((value) =>
        typeof value === "object" && value !== null
          ? argumentAt(args, value as Placeholder)
          : (value as Value),
      ),
  };
}

function argumentAt(args: Arguments, { argument, at, notation }: Placeholder): Value {
  const value = args[argument];
  if (at !== undefined) return (value as readonly Row[])[at.row]?.[at.column] as Value;
  return typeof value === "object" && value !== null
    ? (notation as ListNotation).encode(value as readonly string[])
    : (value as Value);
}

/**
 * How a database receives a list of texts as one parameter, so that one compiled query works for lists of any length.
 */
type ListNotation = {
  encode(texts: readonly string[]): string;
  isIn(column: Expression<unknown>, list: unknown): Expression<SqlBool>;
};

const json: ListNotation = {
  encode: (texts) => JSON.stringify(texts),
  isIn: (column, list) => sql`${column} in (select "value" from json_each(${list}))`,
};

const postgresArray: ListNotation = {
  encode: (texts) => `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`,
  isIn: (column, list) => sql`${column} = any(${list}::text[])`,
};

function notationOf(adapter: DialectAdapter): ListNotation {
  return adapter instanceof PostgresAdapter ? postgresArray : json;
}

/** The condition that the column has one of the texts in `list`, which must be an argument of a prepared query. */
export function isIn(column: string, list: readonly string[]): Expression<SqlBool> {
  const { notation } = list as unknown as Required<Placeholder>;
  return notation.isIn(sql.ref(column), list);
}

/**
 * Returns the column as an expression for which SQLite uses no index. Use it for `workspaceId` next to a condition that
 * selects few rows, such as a list or range of ids: SQLite could choose the index by `workspaceId` instead, and read
 * the whole workspace. PostgreSQL gets the plain column, because it chooses the better index by its statistics.
 */
export function unindexed(db: Db, column: string): Expression<string> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  return isPostgres ? sql.ref<string>(column) : sql<string>`${sql.ref(column)} || ''`;
}
