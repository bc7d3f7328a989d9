import { type Expression, type SqlBool, sql } from "kysely";

/** A literal substring test, ASCII letters in either case, that means the same on every engine. */
export function contains(column: string, text: string): Expression<SqlBool> {
  const lowered = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const pattern = `%${lowered.replace(/[\\%_]/g, "\\$&")}%`;
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`;
}
