import type { CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./schema.ts";

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;
type Args = Record<string, Value | readonly Value[] | readonly Row[]>;

/** A page of rows; there are as many compiled queries as there are lengths up to this. */
const longestKept = 100;

/** Stands in a query for what the arguments have in this place. */
type Placeholder = { path: readonly (string | number)[] };

/**
 * A query that is compiled once for each SQL dialect, and for each length of its lists, and then only filled in: for
 * what runs often. `build` gets stand-ins of the arguments' types; it must use each of them as a value, and lists of
 * values or rows as they are. What has a list of more than `longestKept` items is compiled anew each time.
 */
export function prepared<A extends Args, R>(
  build: (db: Db, args: A) => CompiledQuery<R>,
): (db: Db, args: A) => Promise<R[]> {
  const compiled = new WeakMap<DialectAdapter, Map<string, CompiledQuery<R>>>();

  function queryFor(db: Db, args: A): CompiledQuery<R> {
    const { adapter } = db.getExecutor();
    const ofDialect = compiled.get(adapter) ?? new Map<string, CompiledQuery<R>>();
    compiled.set(adapter, ofDialect);
    const { name, isLong } = shapeOf(args);
    const query = ofDialect.get(name) ?? build(db, standInsFor(args, []) as A);
    if (!isLong) ofDialect.set(name, query);
    return query;
  }

  return async (db, args) => {
    const query = queryFor(db, args);
    const parameters = query.parameters.map((value) => (isPlaceholder(value) ? filled(value, args) : value));
    const { rows } = await db.executeQuery<R>({ ...query, parameters });
    return rows;
  };
}

/** What makes one query another one: how long each list is. */
function shapeOf(args: Args): { name: string; isLong: boolean } {
  const shape = { name: "", isLong: false };
  for (const [name, value] of Object.entries(args)) {
    if (typeof value !== "object" || value === null) continue;
    shape.name += `${name} ${value.length} `;
    shape.isLong ||= value.length > longestKept;
  }
  return shape;
}

/** The same lists and records, with placeholders for all that is in them. */
function standInsFor(args: unknown, path: Placeholder["path"]): unknown {
  if (typeof args !== "object" || args === null) return { path } satisfies Placeholder;
  if (Array.isArray(args)) return args.map((item, index) => standInsFor(item, [...path, index]));
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, standInsFor(value, [...path, name])]),
  );
}

function filled({ path }: Placeholder, args: Args): unknown {
  let value: unknown = args;
  for (const step of path) value = (value as Record<string | number, unknown>)[step];
  return value;
}

function isPlaceholder(value: unknown): value is Placeholder {
  return typeof value === "object" && value !== null && "path" in value;
}
