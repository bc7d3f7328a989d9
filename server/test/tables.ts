import type { Db, Schema } from "../src/storage/schema.ts";

type Table = keyof Schema;

/** Tables that the storage code needs for itself. They contain no data of users. */
const enginesOwn: readonly string[] = ["migrations", "changes", "nodes", "copies"];

/** Returns all tables of the database, and among them those whose rows belong to a workspace. */
export async function tablesOf(db: Db): Promise<{ all: Table[]; ofWorkspace: Table[] }> {
  const found = await db.introspection.getTables();
  const all = found.filter(({ isView, name }) => !isView && !enginesOwn.includes(name));
  const ofWorkspace = all.filter(({ columns }) => columns.some(({ name }) => name === "workspaceId"));
  const names = (tables: typeof all) => tables.map(({ name }) => name as Table).sort();
  return { all: names(all), ofWorkspace: names(ofWorkspace) };
}

/** Tables of usage, which a thread writes at times that a test cannot foresee. */
const usageTables: readonly string[] = ["usageNames", "usageBlocks", "usageGaps", "lastUses"];

/** Returns every row of a workspace as text, by table, without the tables of usage. */
export async function dump(db: Db, workspaceId: string): Promise<Record<string, string[]>> {
  const { ofWorkspace } = await tablesOf(db);
  const names = ofWorkspace.filter((name) => !usageTables.includes(name));
  const entries = names.map(async (name) => [name, await rowsOf(db, name, workspaceId)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function rowsOf(db: Db, table: Table, workspaceId: string): Promise<string[]> {
  const { ref } = db.dynamic;
  const rows = await db
    .selectFrom(table)
    .selectAll()
    .where(ref<never>("workspaceId"), "=", workspaceId as never)
    .execute();
  return rows.map((row) => JSON.stringify(row)).sort();
}
