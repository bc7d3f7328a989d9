import { SQL } from "bun";
import { StorageError } from "../engine.ts";
import { Late, within } from "./deadline.ts";

/**
 * The settings of each session. With them, no statement waits forever, commits are flushed, and a client that hangs
 * loses its locks.
 */
export const session = {
  application_name: "latchkey",
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  TimeZone: "UTC",
  default_transaction_isolation: "read committed",
  synchronous_commit: "on",
  lock_timeout: "5s",
  idle_in_transaction_session_timeout: "10s",
};

export type ConnectionOptions = {
  url: string;
  settings: typeof session & { statement_timeout: string };
  /** Whether the server may be a standby. Default: connecting to a standby fails before anything is read from it. */
  allowStandby?: boolean;
};

export const standbyMessage =
  "This PostgreSQL is a standby, which accepts no writes. Use the address of the primary.";

const connectSeconds = 5;
const prepareMs = 5_000;

/** A connection to PostgreSQL. Nothing may run before `ready` resolves: then the settings are set and checked. */
export type Connection = { client: SQL; ready: Promise<void> };

export function connect(options: ConnectionOptions, onClose: () => void): Connection {
  const client = oneConnection(options.url, onClose);
  const ready = prepare(client, options);
  ready.catch(() => undefined); // the users of the connection await `ready`, too, and get its error
  return { client, ready };
}

/** Returns a client with a single connection, without session settings. It connects when it is first used. */
export function oneConnection(url: string, onclose?: () => void): SQL {
  const { pathname } = new URL(url);
  // without an explicit name, the driver would take the database from PGDATABASE in the environment
  const database = pathname.length > 1 ? { database: decodeURIComponent(pathname.slice(1)) } : {};
  return new SQL(url, { max: 1, ...database, connectionTimeout: connectSeconds, onclose });
}

/**
 * Sets the session's settings, and checks that the server uses them. Errors: `StorageError` if the server ignores a
 * setting or is a standby; the driver's errors.
 */
async function prepare(client: SQL, { settings, allowStandby = false }: ConnectionOptions): Promise<void> {
  const names = Object.keys(settings);
  const set = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`);
  const get = names.map((name) => `current_setting('${name}') as "${name}"`);
  const query = client
    .unsafe(`select ${set.join(", ")}; select pg_is_in_recovery() as "standby", ${get.join(", ")}`)
    .simple();
  const [, [found]] = await resultsOf(query);
  for (const [name, value] of Object.entries(settings)) {
    if (found?.[name] === value) continue;
    const message = `PostgreSQL ignores a setting of the connection: ${name} is ${String(found?.[name])} instead of ${value}. Connect to PostgreSQL directly, or through a pooler in session mode.`;
    throw new StorageError("unavailable", message);
  }
  if (found["standby"] !== false && !allowStandby) {
    throw new StorageError("unavailable", standbyMessage);
  }
}

type Results = [unknown, [Record<string, unknown>]];

async function resultsOf(query: PromiseLike<unknown>): Promise<Results> {
  try {
    return (await within(prepareMs, query)) as Results;
  } catch (error) {
    if (!(error instanceof Late)) throw error;
    throw new StorageError("unavailable", "The database did not respond in time.", error);
  }
}
