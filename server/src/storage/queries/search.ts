import { type Expression, type SqlBool, sql } from "kysely";

/** The `pattern` of `contains` for a literal text; undefined for no search. */
export function patternOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const lowered = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lowered.replace(/[\\%_]/g, "\\$&")}%`;
}

/** A literal substring match, case-insensitive for ASCII letters, that behaves the same on every engine. */
export function contains(column: string, pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`;
}
