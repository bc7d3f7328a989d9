import { constants, Database } from "bun:sqlite";
import { pathToFileURL } from "node:url";
import { unknownMigrations } from "../migrate.ts";

/**
 * What a SQLite file contains, or what is wrong with it. `flaw` is the second half of a sentence that begins with the
 * name of the file, such as "is damaged".
 */
export type Inspected = { flaw: string } | { contents: Contents };

export type Contents = {
  workspaces: number;
  apis: number;
  keys: number;
  identities: number;
  /** the latest time at which a row of `timesOf` was written; undefined if these tables are empty */
  newestWriteMs: number | undefined;
  /** the name of the last migration that ran on the database */
  schema: string;
};

/** Checks the whole database file, but not its usage file. Changes nothing. Ignores the file's write-ahead log. */
export function inspectRecords(path: string): Inspected {
  return inspect(path, (database) => {
    const tables = tablesOf(database);
    if (!tables.has("migrations") || !tables.has("workspaces"))
      return { flaw: "is not a database of Latchkey" };
    const migrations = database
      .query<{ name: string }, []>(`select "name" from "migrations" order by rowid`)
      .all()
      .map(({ name }) => name);
    const [newer] = unknownMigrations(migrations);
    if (newer !== undefined)
      return {
        flaw: `was written by a newer Latchkey (it has migration ${newer}), which you need to restore it`,
      };
    if (tables.has("copies") && count(database, "copies", `"role" = 'target'`) > 0) {
      return { flaw: "is an incomplete copy of another database" };
    }
    return { contents: contentsOf(database, tables, migrations.at(-1) ?? "") };
  });
}

/** Checks the whole usage file. Returns what is wrong with it, or `undefined` if it is intact. */
export function flawOfUsage(path: string): string | undefined {
  const found = inspect(path, (database) => {
    const isUsage = tablesOf(database).has("lastUses");
    return isUsage ? undefined : { flaw: "is not a usage file of Latchkey" };
  });
  return found?.flaw;
}

/** Checks that a file is an intact SQLite database. If so, returns what `judge` returns; otherwise, what is wrong. */
function inspect<T>(path: string, judge: (database: Database) => T): T | { flaw: string } {
  let database: Database | undefined;
  try {
    database = new Database(
      `${pathToFileURL(path).href}?immutable=1`,
      constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI,
    );
    const [first] = database.query<{ integrity_check: string }, []>("pragma integrity_check(1)").all();
    if (first?.integrity_check !== "ok")
      return { flaw: `is damaged: ${first?.integrity_check ?? "unreadable"}` };
    if (database.query("pragma foreign_key_check").get() !== null) {
      return { flaw: "is damaged: a row refers to a row that is missing" };
    }
    return judge(database);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { flaw: code === "SQLITE_NOTADB" ? "is not a SQLite database" : `is damaged: ${message}` };
  } finally {
    database?.close();
  }
}

function tablesOf(database: Database): Set<string> {
  const rows = database.query<{ name: string }, []>(
    `select "name" from sqlite_master where "type" = 'table'`,
  );
  return new Set(rows.all().map(({ name }) => name));
}

function count(database: Database, table: string, where: string): number {
  const query = `select count(*) as "rows" from "${table}" where ${where}`;
  return database.query<{ rows: number }, []>(query).get()?.rows ?? 0;
}

/** The columns that say when a row was written, by table. A database of an older version lacks some of the tables. */
const timesOf = {
  auditEvents: "atMs",
  movements: "atMs",
  idempotency: "createdAtMs",
  keys: "createdAtMs",
  workspaces: "createdAtMs",
};

function contentsOf(database: Database, tables: ReadonlySet<string>, schema: string): Contents {
  const times = Object.entries(timesOf)
    .filter(([table]) => tables.has(table))
    .map(([table, column]) => `select max("${column}") as "atMs" from "${table}"`)
    .join(" union all ");
  const newest = database
    .query<{ atMs: number | null }, []>(`select max("atMs") as "atMs" from (${times})`)
    .get();
  return {
    workspaces: count(database, "workspaces", "true"),
    apis: count(database, "apis", `"deletedAtMs" is null`),
    keys: count(database, "keys", `"deletedAtMs" is null`),
    identities: count(database, "identities", "true"),
    newestWriteMs: newest?.atMs ?? undefined,
    schema,
  };
}
