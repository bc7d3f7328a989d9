import type { SQL } from "bun";
import { StorageError } from "../engine.ts";
import type { Execute, SqlValue } from "./dialects.ts";
import { isConnectionFailure, storageError } from "./postgresErrors.ts";
import { Late, type Link, within } from "./postgresLink.ts";

type Row = Record<string, unknown>;
export type Rows = Row[] & { command: string | null };

/**
 * Runs one prepared statement; 64-bit integers come as numbers.
 * Errors: the driver's.
 */
export async function ask(client: SQL, sql: string, values: readonly SqlValue[] = []): Promise<Rows> {
  const rows = await client.unsafe<Row[]>(sql, [...values]);
  if (rows.length > 0 && rows.columns !== null) readIntegers(rows, rows.columns);
  return rows;
}

/**
 * Runs statements that only read, each answered or refused within `deadlineMs`. One whose connection broke is run
 * again on another.
 * Errors: `StorageError`.
 */
export function reader(link: Link, pool: "points" | "slow", deadlineMs: number): Execute {
  async function read(sql: string, values: readonly SqlValue[]): Promise<Rows> {
    const pools = link.pools();
    try {
      return await ask(pools[pool], sql, values);
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      await link.suspect(pools);
      return ask(link.pools()[pool], sql, values);
    }
  }

  return async (sql, values) => {
    const pools = link.pools();
    try {
      const rows = await within(deadlineMs, read(sql, values));
      link.answered();
      return rows;
    } catch (error) {
      if (!(error instanceof Late)) throw storageError(error);
      void link.suspect(pools);
      throw new StorageError("unavailable", "The database did not answer.");
    }
  };
}

type Column = { name: string; type: number };

/** int8, and numeric, which sums of int8 are */
const integerTypes = new Set([20, 1700]);

/** The runs of a prepared statement share the description of its columns. */
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
