import type { ForeignChange } from "../engine.ts";
import type { SqlValue } from "./dialects.ts";
import { isConnectionFailure } from "./postgresErrors.ts";
import { Late, type Link, within } from "./postgresLink.ts";
import { ask } from "./postgresQuery.ts";

/** What this process learns of the others that work on the same database. */
export type News = {
  /** Errors: the driver's, where the first look fails. */
  start(): Promise<void>;
  /** Looks at once instead of when its time comes. */
  look(): void;
  /** The next look counts everything as changed. */
  forget(): void;
  isCurrent(): boolean;
  liveNodes(): number;
  stop(): Promise<void>;
};

export type NewsOptions = {
  link: Link;
  nodeId: string;
  monotonicMs(): number;
  tell(change: ForeignChange): void;
};

const lookEveryMs = 200;
const beatEveryMs = 5_000;
const deadlineMs = 750;
/** cached records are used this long after the last look that succeeded */
const trustedMs = 30_000;
/** changes are kept for twice as long as a gap between two looks may be */
const longestGapMs = 5 * 60_000;

/**
 * A change is written by the transaction that makes it, so it is there when that is. Each look asks for what the
 * transactions wrote that the previous look's snapshot did not see and this one's does: whatever the order in which
 * they commit, none is missed and none told twice. After a restart or a failover anything may have changed. What a
 * standby says is not used: its snapshots do not name the transactions that are under way.
 */
export function followNews({ link, nodeId, monotonicMs, tell }: NewsOptions): News {
  let seen: Seen | undefined;
  let currentAtMs = Number.NEGATIVE_INFINITY;
  let others = 0;

  async function query(
    sql: string,
    values: readonly SqlValue[],
    pools = link.pools(),
  ): Promise<Record<string, unknown> | undefined> {
    try {
      const [row] = await within(deadlineMs, ask(pools.watch, sql, values));
      link.answered();
      return row;
    } catch (error) {
      if (error instanceof Late || isConnectionFailure(error)) void link.suspect(pools);
      throw error;
    }
  }

  async function look(): Promise<void> {
    const startedAtMs = monotonicMs();
    const pools = link.pools();
    const { snapshot = null, backend = null, atMs = null } = seen ?? {};
    const row = (await query(lookSql, [snapshot, nodeId, backend, atMs], pools)) as Look | undefined;
    if (row === undefined) return;
    const { changes, standby, ...now } = row;
    if (standby) {
      forget();
      void link.suspect(pools);
      return;
    }
    if (seen === undefined || seen.server !== now.server || now.atMs - seen.atMs > longestGapMs) {
      tell({ ids: undefined });
    }
    for (const [ids, ageMs] of changes) tell({ ids: ids.split(" "), ageMs });
    seen = now;
    currentAtMs = startedAtMs;
  }

  function forget(): void {
    seen = undefined;
  }

  async function beat(): Promise<void> {
    const row = await query(beatSql, [nodeId]);
    others = Number(row?.["others"] ?? others);
    await query(cleanSql, []);
  }

  const looking = repeat(look, lookEveryMs);
  const beating = repeat(beat, beatEveryMs);
  return {
    async start() {
      await look();
      await beat();
      looking.start();
      beating.start();
    },
    look: looking.now,
    forget,
    isCurrent: () => monotonicMs() - currentAtMs <= trustedMs,
    liveNodes: () => others + 1,
    async stop() {
      await Promise.all([looking.stop(), beating.stop()]);
      await query(`delete from "nodes" where "id" = $1`, [nodeId]).catch(() => undefined);
    },
  };
}

/** What a look saw: everything committed in the snapshot, of the server that was started then, through this process of it. */
type Seen = { snapshot: string; server: string; backend: number; atMs: number };
type Told = [ids: string, ageMs: number];
type Look = Seen & { standby: boolean; changes: Told[] };

/**
 * A server that lost one of its processes starts all others anew without being started anew itself, and gives the ids
 * of transactions that left no trace to others: on a new connection the time of a change decides as well.
 */
const lookSql = `select pg_current_snapshot()::text as "snapshot", pg_postmaster_start_time()::text as "server",
  pg_backend_pid() as "backend", pg_is_in_recovery() as "standby",
  (extract(epoch from clock_timestamp()) * 1000)::int8 as "atMs",
  (select coalesce(json_agg(json_build_array("ids",
      greatest(0, extract(epoch from clock_timestamp() - "recordedAt") * 1000)::int8) order by "recordedAt"), '[]')
    from (
      select "transactionId", "recordedAt", "ids" from "changes"
        where "nodeId" <> $2 and "transactionId" >= pg_snapshot_xmin($1::text::pg_snapshot)
          and not pg_visible_in_snapshot("transactionId", $1::text::pg_snapshot)
      union select "transactionId", "recordedAt", "ids" from "changes"
        where "nodeId" <> $2 and pg_backend_pid() <> $3::int4
          and "recordedAt" >= to_timestamp($4::int8 / 1000.0)
    ) as "news") as "changes"`;

/** The server's clock alone decides who is alive, so the nodes' clocks may differ. */
const beatSql = `with "beat" as (insert into "nodes" ("id", "seenAt") values ($1, clock_timestamp())
    on conflict ("id") do update set "seenAt" = clock_timestamp())
  select count(*) as "others" from "nodes" where "id" <> $1 and "seenAt" > clock_timestamp() - interval '15 s'`;

/** Those that another node is deleting are left to it. */
const cleanSql = `with "gone" as (delete from "nodes" where "seenAt" < clock_timestamp() - interval '1 day')
  delete from "changes" where ctid in (select ctid from "changes"
    where "recordedAt" < clock_timestamp() - interval '10 min' limit 5000 for update skip locked)`;

/** Runs `work` again `everyMs` after it has ended, however it ended; its next run tries again what failed. */
function repeat(work: () => Promise<void>, everyMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(now, everyMs);
    timer.unref();
  }

  function now(): void {
    clearTimeout(timer);
    running ??= work()
      .catch(() => undefined)
      .finally(() => {
        running = undefined;
        schedule();
      });
  }

  return {
    start: schedule,
    now,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
