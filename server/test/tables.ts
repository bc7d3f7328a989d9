import type { Db, Schema } from "../src/storage/schema.ts";

type Table = keyof Schema;

/** The engines' own tables, which contain no user's data. */
const enginesOwn: readonly string[] = ["migrations", "changes", "nodes", "copies"];

/** Every table of the database, and the tables whose rows belong to a workspace. */
export async function tablesOf(db: Db): Promise<{ all: Table[]; ofWorkspace: Table[] }> {
  const found = await db.introspection.getTables();
  const all = found.filter(({ isView, name }) => !isView && !enginesOwn.includes(name));
  const ofWorkspace = all.filter(({ columns }) => columns.some(({ name }) => name === "workspaceId"));
  const names = (tables: typeof all) => tables.map(({ name }) => name as Table).sort();
  return { all: names(all), ofWorkspace: names(ofWorkspace) };
}

/** Written in the background, at no fixed time. */
const usageTables: readonly string[] = ["usageNames", "usageBlocks", "usageGaps", "lastUses"];

/** Every row of a workspace as text, by table, except the usage tables. */
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
