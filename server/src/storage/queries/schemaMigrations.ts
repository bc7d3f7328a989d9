import { prepared } from "../prepared.ts";
import type { Db } from "../schema.ts";

/** Lists the names of the migrations that ran on the database, in order. */
export async function listSchemaMigrations(db: Db): Promise<string[]> {
  const rows = await selectNames(db, {});
  return rows.map(({ name }) => name).sort();
}

const selectNames = prepared((db) => db.selectFrom("migrations").select("name").compile());
