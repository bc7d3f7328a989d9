import { randomUUID } from "node:crypto";
import { CompiledQuery } from "kysely";
import { type Engine, type ForeignChange, StorageError, type StorageOptions } from "../engine.ts";
import { migrate } from "../migrate.ts";
import type { MigrationTarget } from "../migration.ts";
import type { Tx } from "../schema.ts";
import { slowReader } from "../slowReads.ts";
import { Late, within } from "./deadline.ts";
import { postgresDb } from "./dialects.ts";
import { standbyMessage } from "./postgresConnection.ts";
import { isConnectionFailure, storageError } from "./postgresErrors.ts";
import { type Link, openLink } from "./postgresLink.ts";
import { followNews, type News } from "./postgresNews.ts";
import { checkPooling } from "./postgresPooler.ts";
import { ask, reader } from "./postgresQuery.ts";
import { transact } from "./postgresTransaction.ts";

/** PostgreSQL 15, in the form in which the server reports its version */
const oldestVersion = 150_000;
const pointReadMs = 800;
const slowReadMs = 12_000;

/**
 * Opens a PostgreSQL database (15 or later) and migrates it to this program's schema. `url` is
 * `postgres://user:password@host:port/database`. Any number of processes may serve from it.
 * Errors: `StorageError` with a message for the operator.
 */
export async function openPostgres(url: string, options: StorageOptions): Promise<Engine> {
  const listeners = new Set<(change: ForeignChange) => void>();
  const nodeId = randomUUID();
  let news: News | undefined;
  const link = openLink({
    url,
    connections: options.connections,
    onUp: () => news?.poll(),
    onStandby: () => news?.forget(),
  });
  try {
    await checkPooling(url);
    await checkServer(link);
    if (options.mustExist === true) await refuseEmpty(url, link);
    await migrate(target(link));
    if (options.serving) {
      news = followNews({
        link,
        nodeId,
        monotonicMs: options.monotonicMs,
        report(change) {
          for (const listener of listeners) listener(change);
        },
      });
      await news.start();
    }
  } catch (error) {
    await link.close();
    throw startError(url, error);
  }

  const db = postgresDb(reader(link, "points", pointReadMs));
  const slow = postgresDb(reader(link, "slow", slowReadMs));
  return {
    name: "postgres",
    db,
    slow,
    readSlowly: slowReader(slow),
    snapshot: undefined,
    transaction: (work, how = {}) => transact(link, work, how),
    recordChanges: (tx, ids) => recordChanges(tx, nodeId, ids),
    onForeignChange: (listener) => void listeners.add(listener),
    isCurrent: () => news?.isCurrent() ?? true,
    liveNodes: () => news?.liveNodes() ?? 1,
    check: async () => void (await db.selectFrom("workspaces").select("id").limit(1).execute()),
    async close() {
      await news?.stop();
      await link.close();
    },
  };
}

/**
 * Stores the ids of changed records together with the id of the transaction that changes them. Other nodes use the
 * transaction's id to find the changes that are new to them, in whatever order transactions commit: see `followNews`.
 */
async function recordChanges(tx: Tx, nodeId: string, ids: ReadonlySet<string>): Promise<void> {
  if (ids.size === 0) return;
  await tx.executeQuery(
    CompiledQuery.raw(
      `insert into "changes" ("transactionId", "nodeId", "recordedAt", "ids")
        values (pg_current_xact_id(), $1, clock_timestamp(), $2)`,
      [nodeId, [...ids].join(" ")],
    ),
  );
}

/**
 * Checks that this PostgreSQL can be used. Errors: `StorageError` if it is too old, is a standby, or does not
 * store UTF-8.
 */
async function checkServer(link: Link): Promise<void> {
  const [row] = await within(
    slowReadMs,
    link.pools().watch.run((client) =>
      ask(
        client,
        `select current_setting('server_version_num')::int4 as "version",
        current_setting('server_encoding') as "encoding", pg_is_in_recovery() as "standby"`,
      ),
    ),
  );
  const { version, encoding, standby } = row as { version: number; encoding: string; standby: boolean };
  if (version < oldestVersion) {
    throw new StorageError(
      "unavailable",
      `PostgreSQL ${Math.floor(version / 10_000)} is too old. Use PostgreSQL 15 or later.`,
    );
  }
  if (encoding !== "UTF8") {
    throw new StorageError(
      "unavailable",
      `The database's encoding is ${encoding}. Create a database with the encoding UTF8.`,
    );
  }
  if (standby) throw new StorageError("unavailable", standbyMessage);
}

/** Checks that the database is not empty. Errors: `StorageError` if it has no Latchkey tables. */
async function refuseEmpty(url: string, link: Link): Promise<void> {
  const [row] = await within(
    slowReadMs,
    link.pools().watch.run((client) => ask(client, `select to_regclass('migrations') is null as "empty"`)),
  );
  if ((row as { empty: boolean }).empty === false) return;
  const { host, pathname } = new URL(url);
  throw new StorageError(
    "unavailable",
    `The database ${pathname.slice(1)} at ${host} has no Latchkey tables. Start latchkey serve first, or correct the address in DATABASE_URL or --to.`,
  );
}

/**
 * Returns the database as a target of migrations. Text columns get the collation C, which compares byte by byte like
 * SQLite, whatever the database's default collation is.
 */
function target(link: Link): MigrationTarget {
  return {
    types: { engine: "postgres", text: `text collate "C"`, int64: "int8", bytes: "bytea", tableEnd: "" },
    async locked(work) {
      const connection = await link.pools().writes.reserve(slowReadMs);
      const run = (sql: string) => ask(connection.client, sql);
      try {
        await run("begin");
        await run("set local lock_timeout = 0");
        await run("set local statement_timeout = 0");
        await run("select pg_advisory_xact_lock(hashtextextended('migrate', 0))");
        await work(run);
        await run("commit");
      } catch (error) {
        await run("rollback").catch(() => undefined);
        throw error;
      } finally {
        connection.release();
      }
    },
  };
}

function startError(url: string, error: unknown): unknown {
  if (error instanceof StorageError && error.cause === undefined) return error;
  const { host, pathname } = new URL(url);
  const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  const isUnreachable = isConnectionFailure(error) || error instanceof Late;
  const problem = isUnreachable ? "cannot be reached" : "cannot be used";
  const advice = isUnreachable ? " Check its address, and that PostgreSQL is running there." : "";
  return new StorageError(
    "unavailable",
    `The database ${pathname.slice(1)} at ${host} ${problem}: ${reason}.${advice}`,
    storageError(error),
  );
}
