import type { SQL } from "bun";
import { StorageError } from "../engine.ts";
import { Late, within } from "./deadline.ts";
import type { Execute, SqlValue } from "./dialects.ts";
import { isConnectionFailure, storageError } from "./postgresErrors.ts";
import type { Link } from "./postgresLink.ts";

type Row = Record<string, unknown>;
export type Rows = Row[] & { command: string | null };

/**
 * Runs one prepared statement, and returns its rows with 64-bit integers as numbers. Errors: those of the driver.
 */
export async function ask(client: SQL, sql: string, values: readonly SqlValue[] = []): Promise<Rows> {
  const rows = await client.unsafe<Row[]>(sql, [...values]);
  if (rows.length > 0 && rows.columns !== null) readIntegers(rows, rows.columns);
  return rows;
}

/**
 * Returns a function that runs reads. A read returns or fails within `deadlineMs`. A read whose connection is lost runs
 * once more, on another connection. Errors: `StorageError`.
 */
export function reader(link: Link, pool: "points" | "slow", deadlineMs: number): Execute {
  async function read(sql: string, values: readonly SqlValue[]): Promise<Rows> {
    const pools = link.pools();
    try {
      return await pools[pool].run((client) => ask(client, sql, values));
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      await link.suspect(pools);
      return link.pools()[pool].run((client) => ask(client, sql, values));
    }
  }

  return async (sql, values) => {
    const pools = link.pools();
    try {
      const rows = await within(deadlineMs, read(sql, values));
      link.responded();
      return rows;
    } catch (error) {
      if (!(error instanceof Late)) throw storageError(error);
      void link.suspect(pools);
      throw new StorageError("unavailable", "The database did not respond in time.");
    }
  };
}

type Column = { name: string; type: number };

/** the ids of PostgreSQL's types int8 and numeric; the sum of an int8 column has the type numeric */
const integerTypes = new Set([20, 1700]);

/**
 * The names of a statement's integer columns. The key is the driver's description of the statement's columns, which is
 * the same object each time the statement runs.
 */
const integerColumns = new WeakMap<readonly Column[], string[]>();

function readIntegers(rows: Row[], columns: readonly Column[]): void {
  let names = integerColumns.get(columns);
  if (names === undefined) {
    names = columns.filter(({ type }) => integerTypes.has(type)).map(({ name }) => name);
    integerColumns.set(columns, names);
  }
  for (const name of names) {
    for (const row of rows) if (typeof row[name] === "string") row[name] = Number(row[name]);
  }
}
