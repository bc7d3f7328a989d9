import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { copyDatabase } from "../storage/queries/backup.ts";
import type { Db } from "../storage/schema.ts";
import { CommandError } from "./manage.ts";

/** Where a backup comes from: the records, and the usage that is kept in a file beside them. */
type Source = { path: string; db: Db; usage: Db };

/** The file of the database. Errors: `CommandError` for words that are no single folder, and for other databases. */
export function backedUpFile(
  databaseUrl: string,
  words: readonly string[],
): { path: string; folder: string } {
  const [folder = "", ...rest] = words;
  if (folder === "" || rest.length > 0) throw new CommandError("It is latchkey backup <folder>.");
  if (!databaseUrl.startsWith("file:")) {
    throw new CommandError(
      "latchkey backup copies a SQLite file: PostgreSQL has pg_dump, and :memory: nothing.",
    );
  }
  const path = databaseUrl.slice("file:".length);
  if (!existsSync(path)) throw new CommandError(`There is no database at ${path}.`);
  return { path, folder };
}

/**
 * `latchkey backup <folder>`: copies of the records and the usage, each as it was at one instant, under their own names.
 * The server may go on. Answers what was written. Errors: `CommandError` where the folder has one already.
 */
export async function backUp({ path, db, usage }: Source, folder: string): Promise<string> {
  const copies = [
    { db, to: join(folder, basename(path)) },
    { db: usage, to: join(folder, `${basename(path)}-usage`) },
  ];
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const there = copies.find(({ to }) => existsSync(to));
  if (there !== undefined) throw new CommandError(`${there.to} is there already: name another folder.`);
  for (const copy of copies) await copyDatabase(copy.db, copy.to);
  return copies.map(({ to }) => to).join("\n");
}
