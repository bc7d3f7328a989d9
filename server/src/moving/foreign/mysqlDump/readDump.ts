import { DocumentError } from "../../parseRecord.ts";
import type { DumpText } from "./dumpText.ts";
import { columnsIn, commentEnd, nameAt, partEnd, spaceEnd, statementEnd } from "./scan.ts";
import { type DumpValue, rowEnd, ValueError } from "./values.ts";

/** A CREATE TABLE statement. INSERT statements without a column list have values for these columns, in this order. */
export type DumpTable = { kind: "table"; table: string; columns: readonly string[]; line: number };

/** Some rows of a table. Values of unwanted columns are null. */
export type DumpRows = {
  kind: "rows";
  table: string;
  columns: readonly string[];
  rows: readonly DumpValue[][];
  line: number;
};

/** The tables to read, each with the columns to read. */
export type Wanted = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * This many bytes are enough to recognize any statement: even the column names before the rows of an INSERT take fewer.
 */
const headLength = 128 * 1024;
const rowsAtOnce = 1000;

/**
 * Reads the wanted tables and rows from a dump of mysqldump or mariadb-dump, in the order of the dump. A larger dump
 * does not take more memory.
 * Errors: `DocumentError` if a statement cannot be read, with its line, or if the dump may be incomplete.
 */
export async function* readDump(dump: DumpText, wanted: Wanted): AsyncGenerator<DumpTable | DumpRows> {
  const tables: Tables = new Map();
  let isComplete = false;
  const onComment = (comment: string) => {
    if (comment.startsWith("-- Dump completed")) isComplete = true;
    refuseCharset(comment.replace(/^\/\*M?!\d*/, "").trimStart(), dump.line());
  };
  while (await skipBlank(dump, onComment)) {
    isComplete = false;
    await ensure(dump, headLength);
    const before = dump.used();
    yield* readStatement(dump, tables, wanted);
    if (dump.used() === before) {
      throw new DocumentError(
        `Line ${dump.line()}: the statement that begins here cannot be read. Make a new dump with mysqldump.`,
      );
    }
  }
  if (!isComplete) throw incomplete();
}

const incomplete = () =>
  new DocumentError(
    `The dump does not end with "-- Dump completed", so it may be incomplete. Make a new dump, without --skip-comments and --compact.`,
  );

type Tables = Map<string, readonly string[]>;

async function* readStatement(
  dump: DumpText,
  tables: Tables,
  wanted: Wanted,
): AsyncGenerator<DumpTable | DumpRows> {
  const head = dump.text.slice(dump.at, dump.at + 200);
  refuseCharset(head, dump.line());
  if (/^CREATE\s+(TEMPORARY\s+)?TABLE\b/i.test(head)) yield* readTable(dump, tables, wanted);
  else if (/^(INSERT|REPLACE)\s/i.test(head)) yield* readInsert(dump, tables, wanted);
  else await (/^DELIMITER\s/i.test(head) ? skipDelimited(dump) : skipStatement(dump));
}

/** Skips spaces and comments. Returns false if the dump has ended. */
async function skipBlank(dump: DumpText, onComment: (comment: string) => void): Promise<boolean> {
  for (;;) {
    dump.at = spaceEnd(dump.text, dump.at);
    const end = dump.at + 2 < dump.text.length ? commentEnd(dump.text, dump.at) : -1;
    if (end === -1) {
      if (await dump.more()) continue;
      return false;
    }
    if (end === dump.at) return true;
    onComment(dump.text.slice(dump.at, end));
    dump.at = end;
  }
}

async function ensure(dump: DumpText, length: number): Promise<void> {
  while (dump.text.length - dump.at < length && (await dump.more()));
}

function refuseCharset(statement: string, line: number): void {
  const [, charset] = /^SET\s+NAMES\s+'?(\w+)/i.exec(statement) ?? [];
  if (charset === undefined || /^(utf8|utf8mb3|utf8mb4)$/i.test(charset)) return;
  throw new DocumentError(
    `Line ${line}: the dump is in the charset ${charset}. Make a new dump with --default-character-set=utf8mb4.`,
  );
}

async function* readTable(dump: DumpText, tables: Tables, wanted: Wanted): AsyncGenerator<DumpTable> {
  const line = dump.line();
  let end = statementEnd(dump.text, dump.at);
  while (end === -1 && (await dump.more())) end = statementEnd(dump.text, dump.at);
  const statement = dump.text.slice(dump.at, end === -1 ? undefined : end);
  dump.at += statement.length;
  const [start = ""] = /^CREATE\s+(TEMPORARY\s+)?TABLE\s+(IF\s+NOT\s+EXISTS\s+)?/i.exec(statement) ?? [];
  const table = nameAt(statement, start.length)?.name;
  if (table === undefined || !wanted.has(table)) return;
  if (tables.has(table)) {
    throw new DocumentError(
      `Line ${line}: the dump has the table ${table} a second time. Make a dump of one database only.`,
    );
  }
  const columns = columnsIn(statement);
  tables.set(table, columns);
  yield { kind: "table", table, columns, line };
}

/**
 * Skips the text from a DELIMITER line to the line that restores the delimiter. Dumps change the delimiter for triggers
 * and routines, which have no rows.
 */
async function skipDelimited(dump: DumpText): Promise<void> {
  const mark = /\nDELIMITER ;\r?\n/g;
  for (;;) {
    mark.lastIndex = dump.at;
    if (mark.exec(dump.text) !== null) {
      dump.at = mark.lastIndex;
      return;
    }
    dump.at = Math.max(dump.at, dump.text.length - 20);
    if (!(await dump.more())) throw incomplete();
  }
}

/** Skips a statement, which may be longer than the text that was read so far. */
async function skipStatement(dump: DumpText): Promise<void> {
  for (;;) {
    let at = dump.at;
    while (at < dump.text.length && dump.text[at] !== ";") {
      const end = partEnd(dump.text, at);
      if (end === -1) break;
      at = end;
    }
    dump.at = at;
    if (dump.text[at] === ";") {
      dump.at += 1;
      return;
    }
    if (!(await dump.more())) throw incomplete();
  }
}

type Target = { table: string; columns: readonly string[] | undefined; end: number };

async function* readInsert(dump: DumpText, tables: Tables, wanted: Wanted): AsyncGenerator<DumpRows> {
  const line = dump.line();
  const target = insertTarget(dump.text, dump.at);
  const names = target === undefined ? undefined : wanted.get(target.table);
  if (target === undefined || names === undefined) return skipStatement(dump);
  const { table } = target;
  const columns = target.columns ?? tables.get(table);
  if (columns === undefined) {
    throw new DocumentError(
      `Line ${line}: the table ${table}: the dump has no CREATE TABLE before these rows, so the order of the columns is unknown. Make the dump without --no-create-info, or with --complete-insert.`,
    );
  }
  dump.at = target.end;
  const isWanted = columns.map((column) => names.has(column));
  for await (const rows of rowsOf(dump, table, isWanted)) {
    yield { kind: "rows", table, columns, rows, line: dump.line() };
  }
}

const insertStart =
  /(?:INSERT|REPLACE)(?:\s+(?:IGNORE|DELAYED|LOW_PRIORITY|HIGH_PRIORITY))*(?:\s+INTO)?\s+/iy;
const valuesStart = /VALUES?/iy;

/** The table and columns of an INSERT statement with rows; undefined for other statements, such as INSERT … SELECT. */
function insertTarget(text: string, start: number): Target | undefined {
  let at = stepOver(insertStart, text, start);
  const name = at === undefined ? undefined : nameAt(text, at);
  if (name === undefined) return undefined;
  at = spaceEnd(text, name.end);
  const list = text[at] === "(" ? columnList(text, at) : undefined;
  const end = stepOver(valuesStart, text, spaceEnd(text, list?.end ?? at));
  if (end === undefined || text[spaceEnd(text, end)] !== "(") return undefined;
  return { table: name.name, columns: list?.columns, end };
}

function stepOver(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function columnList(text: string, start: number): { columns: string[]; end: number } | undefined {
  const columns: string[] = [];
  for (let at = start + 1; at < text.length; at += 1) {
    const name = nameAt(text, spaceEnd(text, at));
    if (name === undefined) return undefined;
    columns.push(name.name);
    at = spaceEnd(text, name.end);
    if (text[at] === ")") return { columns, end: at + 1 };
    if (text[at] !== ",") return undefined;
  }
  return undefined;
}

/** Reads the rows of a statement, and skips the rest of the statement. Yields up to `rowsAtOnce` rows at a time. */
async function* rowsOf(
  dump: DumpText,
  table: string,
  isWanted: readonly boolean[],
): AsyncGenerator<DumpValue[][]> {
  let rows: DumpValue[][] = [];
  let isLast = false;
  while (!isLast) {
    const row = nextRow(dump, table, isWanted);
    if (row !== undefined) {
      rows.push(row.values);
      isLast = row.isLast;
      if (rows.length < rowsAtOnce && !isLast) continue;
    }
    yield rows;
    rows = [];
    if (row !== undefined || (await dump.more())) continue;
    throw new DocumentError(
      `Line ${dump.line()}: the table ${table}: the dump ends within a row. Make a new dump with mysqldump.`,
    );
  }
  await skipStatement(dump);
}

/** Reads one row; undefined if more of the dump must be read first. */
function nextRow(
  dump: DumpText,
  table: string,
  isWanted: readonly boolean[],
): { values: DumpValue[]; isLast: boolean } | undefined {
  const { text } = dump;
  const values: DumpValue[] = [];
  try {
    const end = rowEnd(text, dump.at, isWanted, values);
    const next = end === -1 ? text.length : spaceEnd(text, end);
    if (next >= text.length) return undefined;
    if (values.length !== isWanted.length) {
      throw new ValueError(
        `a row has ${values.length} values for ${isWanted.length} columns: make a new dump with mysqldump`,
      );
    }
    const isLast = text[next] !== ",";
    dump.at = isLast ? next : next + 1;
    return { values, isLast };
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new DocumentError(`Line ${dump.line()}: the table ${table}: ${error.message}.`);
  }
}
