import { Database } from "bun:sqlite";
import { StorageError } from "../engine.ts";
import type { ForeignRow, ScratchDatabase, ScratchValue } from "../foreignDatabase.ts";

/** Creates a SQLite database in a temporary file without a name, which no other program can open. */
export function openScratchDatabase(): ScratchDatabase {
  const connection = new Database(":memory:");
  connection.run("attach '' as scratch");
  connection.run("pragma scratch.journal_mode = off");
  connection.run("pragma scratch.cache_size = -32000");
  const widths = new Map<string, number>();
  return {
    create(table, columns) {
      widths.set(table, columns.length);
      connection.run(`create table scratch."${table}" (${columns.map((name) => `"${name}"`).join(", ")})`);
    },
    insert(table, rows) {
      const places = Array.from({ length: widths.get(table) ?? 0 }, () => "?").join(", ");
      const insert = connection.query(`insert into scratch."${table}" values (${places})`);
      const insertAll = connection.transaction(() => {
        for (const row of rows) insert.run(...row);
      });
      try {
        insertAll();
      } catch (error) {
        throw (error as { code?: unknown }).code === "SQLITE_FULL" ? fullError(error) : error;
      }
    },
    run: (statement, ...values) => void connection.query(statement).run(...values),
    rows: async (statement, ...values) =>
      connection.query<ForeignRow, ScratchValue[]>(statement).all(...values),
    close: async () => connection.close(),
  };
}

const fullError = (cause: unknown) =>
  new StorageError(
    "full",
    "The disk with the folder for temporary files is full. Free some space, or set SQLITE_TMPDIR to a folder on another disk.",
    cause,
  );
