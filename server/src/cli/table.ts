import { isTime, type Schema } from "./fields.ts";

/** Formats rows as lines of text with columns. */
export type Table = {
  /** the names of the columns */
  head: string;
  line(row: object): string;
};

type Column = { name: string; schema: Schema; width: number };

const widest = 40;
const gap = "  ";

/**
 * Creates a table for items with this schema. Its columns are the fields that have a value in one of the `first` rows.
 * Each column is as wide as these rows need. Columns that do not fit into `maxWidth` characters are omitted.
 */
export function tableOf(item: Schema, first: readonly object[], maxWidth: number): Table {
  const all = Object.entries(item.properties ?? {}).map(([name, schema]): Column => {
    const lengths = first.map((row) => lengthOf(cellOf(row, { name, schema })));
    const needed = Math.max(0, ...lengths);
    return { name, schema, width: needed === 0 ? 0 : Math.min(widest, Math.max(needed, name.length)) };
  });
  const columns = fitting(
    all.filter(({ width }) => width > 0),
    maxWidth,
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => padded(cell, columns[index]?.width ?? 0))
      .join(gap)
      .trimEnd();
  return {
    head: line(columns.map(({ name }) => name)),
    line: (row) => line(columns.map((column) => cellOf(row, column))),
  };
}

/** Returns the columns that fit into `maxWidth`, but at least one. */
function fitting(columns: readonly Column[], maxWidth: number): readonly Column[] {
  let used = 0;
  const count = columns.findIndex(({ width }, index) => {
    used += width + (index === 0 ? 0 : gap.length);
    return used > maxWidth && index > 0;
  });
  return count === -1 ? columns : columns.slice(0, count);
}

function cellOf(row: object, { name, schema }: Pick<Column, "name" | "schema">): string {
  return printable(textOf((row as Record<string, unknown>)[name], schema));
}

function textOf(value: unknown, schema: Schema): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" && isTime(schema)) return value === 0 ? "0" : new Date(value).toISOString();
  if (Array.isArray(value)) return value.map((one) => textOf(one, {})).join(",");
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  const named = value as Record<string, unknown>;
  const name = named["name"] ?? named["slug"] ?? named["externalId"] ?? named["id"];
  return typeof name === "string" ? name : JSON.stringify(value);
}

/** Replaces characters that could move the cursor, change colors or reverse the text. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function padded(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length > width) return `${characters.slice(0, width - 1).join("")}…`;
  return text + " ".repeat(width - characters.length);
}
