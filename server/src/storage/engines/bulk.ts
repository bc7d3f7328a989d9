import { Database } from "bun:sqlite";
import { type DatabaseAddress, databaseUrl } from "../../domain/databaseAddress.ts";
import { type Engine, StorageError } from "../engine.ts";
import { oneConnection } from "./postgresConnection.ts";
import { ask } from "./postgresQuery.ts";
import { type ColumnType, type PlainSql, type PlainValue, postgresRows, sqliteRows } from "./rowSql.ts";
import { openUsageDatabase } from "./usage.ts";

/** The values of one row, in the order of the columns. */
export type Row = readonly PlainValue[];
/** The columns of a table by name, in alphabetical order. */
export type Columns = Readonly<Record<string, ColumnType>>;

/**
 * A connection that reads and writes whole tables, including those of usage. A statement may take up to a day. Opening
 * the connection does not create or migrate the database, except for the usage file of SQLite.
 */
export type BulkDatabase = PlainSql & {
  engine: Engine["name"];
  /** Lists the names of all tables, including the tables of other programs. */
  tables(): Promise<string[]>;
  columnsOf(table: string): Promise<Columns>;
  /** Runs `work` in one transaction, in which all reads see the database at the same moment. */
  snapshot<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` in one transaction. On SQLite, it holds the write lock from its beginning. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /** Reads all rows of a table, in batches. Call it only within `snapshot`. */
  read(table: string, columns: Columns): AsyncGenerator<Row[]>;
  /**
   * Closes the connection. On SQLite, first moves all commits from the write-ahead logs into the database files.
   */
  close(): Promise<void>;
};

/** The time limit of a statement on PostgreSQL: far more than any statement needs. */
const longMs = 24 * 60 * 60 * 1000;
/** The number of rows in a batch. A row may have 64 KB of metadata, so a batch has at most 16 MB. */
const rowsPerBatch = 250;
/** The number of rows in a batch if a row may have 2 MB: usage blocks, and the responses kept for Idempotency-Keys. */
const largeRowsPerBatch = 10;

export async function openBulk(address: DatabaseAddress): Promise<BulkDatabase> {
  if (address.kind === "memory") {
    throw new StorageError(
      "unavailable",
      "A database in :memory: cannot be copied, because only its own server can read it. Name a file or a postgres:// address.",
    );
  }
  return address.kind === "postgres" ? openPostgresBulk(address.url) : openSqliteBulk(address.path);
}

async function openSqliteBulk(path: string): Promise<BulkDatabase> {
  // creates the usage file if no server has counted anything yet
  const usage = await openUsageDatabase({ kind: "file", path });
  await usage.close();
  const connection = new Database(path, { create: false, readwrite: true });
  connection.run("pragma busy_timeout = 10000");
  connection.run("pragma synchronous = normal");
  connection.run("pragma foreign_keys = on");
  connection.run("pragma temp_store = memory");
  connection.query("attach database ? as usage").run(`${path}-usage`);
  const within = async <T>(begin: string, work: () => Promise<T>): Promise<T> => {
    connection.run(begin);
    try {
      const result = await work();
      connection.run("commit");
      return result;
    } catch (error) {
      if (connection.inTransaction) connection.run("rollback");
      throw error;
    }
  };
  return {
    ...sqliteRows(connection),
    engine: "sqlite",
    tables: async () =>
      connection
        .query<{ name: string }, []>(
          `select "name" from (select "name", "type" from main.sqlite_master union select "name", "type" from usage.sqlite_master)
           where "type" = 'table' and "name" not like 'sqlite\\_%' escape '\\' order by "name"`,
        )
        .all()
        .map(({ name }) => name),
    columnsOf: async (table) =>
      columnsFrom(
        connection
          .query<ColumnRow, [string]>(`select "name", "type" from pragma_table_info(?) order by "name"`)
          .all(table),
      ),
    snapshot: (work) => within("begin", work),
    transaction: (work) => within("begin immediate", work),
    async *read(table, columns) {
      const most = batchRows(table, columns);
      let batch: Row[] = [];
      for (const row of connection.query<Fields, []>(selectAll(table, columns)).iterate()) {
        batch.push(rowOf(row, columns));
        if (batch.length < most) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    },
    async close() {
      connection.run("pragma synchronous = full");
      for (const name of ["main", "usage"]) connection.run(`pragma ${name}.wal_checkpoint(truncate)`);
      connection.close();
    },
  };
}

/** Session settings of a copy: PostgreSQL sets no time limit, but a statement fails if it waits for a lock for long. */
const postgresSettings = {
  application_name: "latchkey copy",
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  TimeZone: "UTC",
  statement_timeout: "0",
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "0",
  synchronous_commit: "on",
};

async function openPostgresBulk(url: string): Promise<BulkDatabase> {
  const client = oneConnection(url);
  const run = (statement: string) => ask(client, statement);
  for (const [name, value] of Object.entries(postgresSettings)) {
    await run(`select set_config('${name}', '${value}', false)`);
  }
  const sql = postgresRows((work) => work(client), longMs);
  const within = async <T>(begin: string, work: () => Promise<T>): Promise<T> => {
    await run(begin);
    try {
      const result = await work();
      await run("commit");
      return result;
    } catch (error) {
      await run("rollback").catch(() => undefined);
      throw error;
    }
  };
  return {
    ...sql,
    engine: "postgres",
    async tables() {
      const rows = await sql.rows<{ name: string }>(
        `select "tablename"::text as "name" from pg_tables where "schemaname" = current_schema() order by 1`,
      );
      return rows.map(({ name }) => name);
    },
    columnsOf: async (table) =>
      columnsFrom(
        await sql.rows<ColumnRow>(
          `select "column_name"::text as "name", "data_type"::text as "type" from information_schema.columns
           where "table_schema" = current_schema() and "table_name" = $1 order by "column_name" collate "C"`,
          table,
        ),
      ),
    snapshot: (work) => within("begin isolation level repeatable read read only", work),
    transaction: (work) => within("begin", work),
    async *read(table, columns) {
      // each table needs a cursor name of its own: the driver prepares equal texts only once, but each `fetch`
      // returns other columns
      const cursor = `"copyOf_${table}"`;
      await run(`declare ${cursor} no scroll cursor for ${selectAll(table, columns)}`);
      for (;;) {
        const rows = await sql.rows<Fields>(`fetch ${batchRows(table, columns)} from ${cursor}`);
        if (rows.length === 0) break;
        yield rows.map((row) => rowOf(row, columns));
      }
      await run(`close ${cursor}`);
    },
    close: () => client.close({ timeout: 5 }),
  };
}

type Fields = Record<string, PlainValue>;
type ColumnRow = { name: string; type: string };

const typesByName: Record<string, ColumnType> = {
  text: "text",
  integer: "int64",
  bigint: "int64",
  blob: "bytes",
  bytea: "bytes",
};

/** Returns the types of the columns, by name. Throws if a column has a type that only one of the engines has. */
function columnsFrom(rows: readonly ColumnRow[]): Columns {
  return Object.fromEntries(
    rows.map(({ name, type }) => {
      const known = typesByName[type.toLowerCase()];
      if (known === undefined)
        throw new Error(`the column ${name} has the type ${type}, which cannot be copied`);
      return [name, known];
    }),
  );
}

function batchRows(table: string, columns: Columns): number {
  const isLarge = Object.values(columns).includes("bytes") || table === "idempotency";
  return isLarge ? largeRowsPerBatch : rowsPerBatch;
}

function selectAll(table: string, columns: Columns): string {
  const names = Object.keys(columns).map((name) => `"${name}"`);
  return `select ${names.join(", ")} from "${table}"`;
}

function rowOf(row: Fields, columns: Columns): Row {
  return Object.keys(columns).map((name) => row[name] ?? null);
}

/** Returns the address of a database for messages: without user and password. */
export function addressName(address: DatabaseAddress): string {
  if (address.kind !== "postgres") return databaseUrl(address);
  const { host, pathname } = new URL(address.url);
  return `postgres://${host}${pathname}`;
}
