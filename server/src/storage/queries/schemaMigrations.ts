import { prepared } from "../prepared.ts";
import type { Db } from "../schema.ts";

/** The names of the migrations that were applied to the database, in order. */
export async function listSchemaMigrations(db: Db): Promise<string[]> {
  const rows = await selectNames(db, {});
  return rows.map(({ name }) => name).sort();
}

const selectNames = prepared((db) => db.selectFrom("migrations").select("name").compile());
