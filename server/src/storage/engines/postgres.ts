import { randomUUID } from "node:crypto";
import { CompiledQuery } from "kysely";
import { type Engine, type ForeignChange, StorageError, type StorageOptions } from "../engine.ts";
import { type MigrationTarget, migrate } from "../migrate.ts";
import type { Tx } from "../schema.ts";
import { postgresDb } from "./dialects.ts";
import { isConnectionFailure, storageError } from "./postgresErrors.ts";
import { type Link, openLink, within } from "./postgresLink.ts";
import { followNews, type News } from "./postgresNews.ts";
import { ask, reader } from "./postgresQuery.ts";
import { transact } from "./postgresTransaction.ts";

const oldestVersion = 150_000;
const pointReadMs = 800;
const slowReadMs = 12_000;

/**
 * Opens a PostgreSQL database (15 or later), migrated to this program's schema. `url` is
 * `postgres://user:password@host:port/database`. Any number of processes may serve from it.
 * Errors: `StorageError` with a sentence for the person who started the program.
 */
export async function openPostgres(url: string, options: StorageOptions): Promise<Engine> {
  const listeners = new Set<(change: ForeignChange) => void>();
  const nodeId = randomUUID();
  let news: News | undefined;
  const link = openLink({
    url,
    connections: options.connections,
    onUp: () => news?.look(),
    onStandby: () => news?.forget(),
  });
  try {
    await checkServer(link);
    await migrate(target(link));
    if (options.serving) {
      news = followNews({
        link,
        nodeId,
        monotonicMs: options.monotonicMs,
        tell(change) {
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
  return {
    name: "postgres",
    db,
    slow: postgresDb(reader(link, "slow", slowReadMs)),
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

/** The transaction's own id orders the row among all others by when it is committed. */
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

/** Errors: `StorageError` where the server is too old or does not store UTF-8. */
async function checkServer(link: Link): Promise<void> {
  const [row] = await within(
    slowReadMs,
    ask(
      link.pools().watch,
      `select current_setting('server_version_num')::int4 as "version",
        current_setting('server_encoding') as "encoding", pg_is_in_recovery() as "standby"`,
    ),
  );
  const { version, encoding, standby } = row as { version: number; encoding: string; standby: boolean };
  if (version < oldestVersion) {
    throw new StorageError(
      "unavailable",
      `PostgreSQL ${Math.floor(version / 10_000)} is too old: use 15 or later.`,
    );
  }
  if (encoding !== "UTF8") {
    throw new StorageError(
      "unavailable",
      `The database's encoding is ${encoding}: make it with encoding UTF8.`,
    );
  }
  if (standby) throw new StorageError("unavailable", "The server is a standby: name the primary.");
}

/** Bytes compare as bytes: the C collation, whatever the database's own is. */
function target(link: Link): MigrationTarget {
  return {
    types: { engine: "postgres", text: `text collate "C"`, int64: "int8", tableEnd: "" },
    async locked(work) {
      const connection = await link.pools().writes.reserve();
      const run = (sql: string) => ask(connection, sql);
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
        await connection.release();
      }
    },
  };
}

function startError(url: string, error: unknown): unknown {
  if (error instanceof StorageError && error.cause === undefined) return error;
  const { host, pathname } = new URL(url);
  const message = error instanceof Error ? error.message : String(error);
  const sentence = isConnectionFailure(error) ? "cannot be reached" : "cannot be used";
  return new StorageError(
    "unavailable",
    `The database ${pathname.slice(1)} at ${host} ${sentence}: ${message}.`,
    storageError(error),
  );
}
