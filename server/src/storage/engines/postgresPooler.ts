import type { SQL } from "bun";
import { StorageError } from "../engine.ts";
import { within } from "./deadline.ts";
import { oneConnection } from "./postgresConnection.ts";

const rounds = 4;
const deadlineMs = 10_000;

/**
 * Checks that a pooler such as PgBouncer, if the address leads to one, is in session mode, in which each client has its
 * own connection to PostgreSQL. Sets nothing on the connections: in another mode, other clients of the pooler would get
 * our settings. Errors: `StorageError` if the pooler is in another mode; the driver's errors.
 */
export async function checkPooling(url: string): Promise<void> {
  const clients = [oneConnection(url), oneConnection(url)] as const;
  try {
    await within(deadlineMs, compareBackends(...clients));
  } finally {
    await Promise.allSettled(clients.map((client) => client.close({ timeout: 0 })));
  }
}

/**
 * Checks that each of two clients always gets the same process of PostgreSQL, and never the other client's process.
 */
async function compareBackends(one: SQL, other: SQL): Promise<void> {
  const [ones, others] = [new Set<unknown>(), new Set<unknown>()];
  for (let round = 0; round < rounds; round += 1) {
    ones.add(await backendOf(one));
    others.add(await backendOf(other));
  }
  if (ones.size === 1 && new Set([...ones, ...others]).size === 2) return;
  const mode = (await allowsTransactions(one)) ? "transaction" : "statement";
  throw new StorageError(
    "unavailable",
    `The pooler in front of PostgreSQL is in ${mode} mode, in which connections lose their settings. ` +
      "Use session mode (pool_mode = session), or connect to PostgreSQL directly.",
  );
}

async function backendOf(client: SQL): Promise<unknown> {
  const [row] = await client.unsafe(`select pg_backend_pid() as "pid"`).simple();
  return row?.pid;
}

/** Returns whether the pooler allows transactions. PgBouncer in statement mode refuses them. */
async function allowsTransactions(client: SQL): Promise<boolean> {
  try {
    await client.unsafe("begin").simple();
    await client.unsafe("rollback").simple();
    return true;
  } catch {
    return false;
  }
}
