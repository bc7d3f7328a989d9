import { Database } from "bun:sqlite";
import { StorageError } from "../engine.ts";
import type { ForeignDatabase } from "../foreignDatabase.ts";
import { oneConnection } from "./postgresConnection.ts";

type Value = string | number | Uint8Array;

/**
 * Opens the database of another product, read-only: a SQLite file by its path, or a PostgreSQL database by its address.
 * Errors: `StorageError` with a message for the operator.
 */
export async function openForeignAt(place: string): Promise<ForeignDatabase> {
  try {
    return /^postgres(ql)?:\/\//.test(place)
      ? await openPostgres(place)
      : openSqlite(place.replace(/^file:/, ""));
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    throw new StorageError(
      "unavailable",
      `The database to import from cannot be opened: ${reason}. Check its path or address.`,
      error,
    );
  }
}

function openSqlite(path: string): ForeignDatabase {
  const connection = new Database(path, { readonly: true });
  connection.run("pragma busy_timeout = 5000");
  return {
    rows: async (statement, ...values) =>
      connection.query<Record<string, unknown>, Value[]>(statement).all(...values),
    close: async () => connection.close(),
  };
}

async function openPostgres(url: string): Promise<ForeignDatabase> {
  const client = oneConnection(url);
  await client.unsafe("set default_transaction_read_only = on");
  return {
    rows: async (statement, ...values) => [
      ...(await client.unsafe<Record<string, unknown>[]>(statement, values)),
    ],
    close: () => client.close({ timeout: 0 }),
  };
}
