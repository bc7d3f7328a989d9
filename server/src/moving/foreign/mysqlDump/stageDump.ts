import type { ScratchDatabase } from "../../../storage/foreignDatabase.ts";
import { DocumentError } from "../../parseRecord.ts";
import type { DumpText } from "./dumpText.ts";
import { readDump } from "./readDump.ts";

/**
 * A table to read. If the dump lacks an optional column, its values are null. If the dump lacks an optional table, it
 * is empty.
 */
export type WantedTable = {
  table: string;
  needed: readonly string[];
  optional: readonly string[];
  /** optional columns of which the dump must have at least one */
  anyOf?: readonly string[];
  isOptional?: true;
};

/**
 * Copies the wanted tables of a dump into a temporary SQLite database, because the rows of a dump are in no useful
 * order. Errors: `DocumentError` if the dump cannot be read, or lacks a table or a column.
 */
export async function stageDump(
  dump: DumpText,
  tables: readonly WantedTable[],
  scratch: ScratchDatabase,
): Promise<void> {
  const byName = new Map(tables.map((one) => [one.table, one]));
  const columnsOf = ({ needed, optional }: WantedTable) => [...needed, ...optional];
  for (const one of tables) scratch.create(one.table, columnsOf(one));
  const wanted = new Map(tables.map((one) => [one.table, new Set(columnsOf(one))]));
  const found = new Set<string>();
  for await (const part of readDump(dump, wanted)) {
    const table = byName.get(part.table);
    if (table === undefined) continue;
    refuseMissingColumn(table, part.columns, part.line);
    found.add(part.table);
    if (part.kind === "table") continue;
    const places = columnsOf(table).map((column) => part.columns.indexOf(column));
    scratch.insert(
      part.table,
      part.rows.map((row) => places.map((place) => row[place] ?? null)),
    );
  }
  const missing = tables.filter(({ table, isOptional }) => isOptional !== true && !found.has(table));
  if (missing.length === 0) return;
  throw new DocumentError(
    `The dump lacks ${missing.length === 1 ? "the table" : "the tables"} ${missing.map(({ table }) => table).join(", ")}. Make a dump of the whole database.`,
  );
}

function refuseMissingColumn(
  { table, needed, anyOf }: WantedTable,
  columns: readonly string[],
  line: number,
): void {
  const missing = needed.filter((column) => !columns.includes(column));
  const lacksAll = anyOf?.every((column) => !columns.includes(column)) === true;
  if (missing.length === 0 && !lacksAll) return;
  const names = lacksAll ? [...missing, anyOf.join(" or ")] : missing;
  throw new DocumentError(
    `Line ${line}: the table ${table} lacks ${names.length === 1 ? "the column" : "the columns"} ${names.join(", ")}. Dump the database of a supported version of the product: docs/moving/export-and-import.md lists the versions.`,
  );
}
