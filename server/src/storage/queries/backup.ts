import { sql } from "kysely";
import type { Db } from "../schema.ts";

/** Attaches the SQLite database at `path` under the name `name`, so that `copyDatabase` can copy it. */
export async function attachDatabase(db: Db, path: string, name: string): Promise<void> {
  await sql`attach database ${path} as ${sql.id(name)}`.execute(db);
}

/**
 * Writes a consistent snapshot of a SQLite database to a new file at `path`. `name` is `main` for the database of `db`,
 * or the name of an attached database. Other connections can write to the database meanwhile. Errors: SQLite's errors
 * if the file at `path` already exists or cannot be written.
 */
export async function copyDatabase(db: Db, name: string, path: string): Promise<void> {
  await sql`vacuum ${sql.id(name)} into ${path}`.execute(db);
}
