import { sql } from "kysely";
import type { Db } from "../schema.ts";

/**
 * Writes the SQLite database of `db`, as it is at one instant, to a new file at `path`. Writers go on meanwhile.
 * Errors: what SQLite says of a path at which there is a file, or that it cannot write.
 */
export async function copyDatabase(db: Db, path: string): Promise<void> {
  await sql`vacuum into ${path}`.execute(db);
}
