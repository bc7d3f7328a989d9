import { type Expression, type SqlBool, sql } from "kysely";

/** Returns the `pattern` with which `contains` finds a literal text. Returns `undefined` if `text` is `undefined`. */
export function patternOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const lowered = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lowered.replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * Returns the condition that a column contains a literal text. `pattern` is the pattern of the text: see `patternOf`.
 * The condition ignores the case of ASCII letters, on every engine.
 */
export function contains(column: string, pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`;
}
