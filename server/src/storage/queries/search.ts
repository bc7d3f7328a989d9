import { type Expression, type SqlBool, sql } from "kysely";

/**
 * Returns the `pattern` with which `contains` finds a literal text. Returns `undefined` if the text is missing
 * or empty.
 */
export function patternOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const lowered = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lowered.replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * The condition that a column contains a literal text, given by its pattern from `patternOf`. It ignores the case of
 * ASCII letters, and is the same on every engine.
 */
export function contains(column: string, pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`;
}
