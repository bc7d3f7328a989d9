import type { CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./schema.ts";

type Value = string | number | null;

/** Stands in a query for the argument of this name. */
type Placeholder = { placeholder: string };

/**
 * A query that is compiled once for each SQL dialect and then only filled in: for what runs with every request.
 * `build` gets stand-ins with the arguments' types; it must use each of them as a value and nothing else.
 */
export function prepared<A extends Record<string, Value>, R>(
  build: (db: Db, args: A) => CompiledQuery<R>,
): (db: Db, args: A) => Promise<R[]> {
  const compiled = new WeakMap<DialectAdapter, CompiledQuery<R>>();
  const standIns = new Proxy({} as A, {
    get: (_, name): Placeholder => ({ placeholder: String(name) }),
  });
  return async (db, args) => {
    const { adapter } = db.getExecutor();
    let query = compiled.get(adapter);
    if (query === undefined) {
      query = build(db, standIns);
      compiled.set(adapter, query);
    }
    const parameters = query.parameters.map((value) =>
      isPlaceholder(value) ? args[value.placeholder] : value,
    );
    const { rows } = await db.executeQuery<R>({ ...query, parameters });
    return rows;
  };
}

function isPlaceholder(value: unknown): value is Placeholder {
  return typeof value === "object" && value !== null && "placeholder" in value;
}
