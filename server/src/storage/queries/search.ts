import { type Expression, type SqlBool, sql } from "kysely";

/**
 * Returns the `pattern` that `contains` needs for a literal text. Returns `undefined` if
 * there is nothing to search for.
 */
export function patternOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const lowered = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lowered.replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * The condition that a column contains a literal text. Case-insensitive for ASCII
 * letters, and the same on every engine.
 */
export function contains(column: string, pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`;
}
