import type { ForeignChange } from "../engine.ts";
import { Late, within } from "./deadline.ts";
import type { SqlValue } from "./dialects.ts";
import { isConnectionFailure } from "./postgresErrors.ts";
import type { Link } from "./postgresLink.ts";
import { ask } from "./postgresQuery.ts";

/** What this node learns about other nodes: what they have changed, and how many of them are running. */
export type News = {
  /** Starts polling. Errors: the driver's, if the first poll fails. */
  start(): Promise<void>;
  /** Polls now instead of at the next interval. */
  poll(): void;
  /** Makes the next poll report that any record may have changed. */
  forget(): void;
  isCurrent(): boolean;
  liveNodes(): number;
  stop(): Promise<void>;
};

export type NewsOptions = {
  link: Link;
  nodeId: string;
  monotonicMs(): number;
  report(change: ForeignChange): void;
};

const pollEveryMs = 200;
const heartbeatEveryMs = 5_000;
const deadlineMs = 750;
/** Cached records are used for this long after the last successful poll. After that, they may be outdated. */
const trustedMs = 30_000;
/** If two polls are further apart than this, changes may have been missed. The database keeps changes twice as long. */
const longestGapMs = 5 * 60_000;

/**
 * Polls the database for changes by other nodes. Each transaction stores rows with the ids of the records that it
 * changes, and its commit makes these rows visible. A poll reads the rows of all transactions that are visible now and
 * were not visible to the previous poll. So no change is missed or reported twice, whatever the order of the commits.
 * After a restart or a failover of PostgreSQL, all records count as changed. The response of a standby is ignored: a
 * standby's snapshot does not list the transactions in progress, so the next poll could not tell what was visible.
 */
export function followNews({ link, nodeId, monotonicMs, report }: NewsOptions): News {
  let seen: Seen | undefined;
  let currentAtMs = Number.NEGATIVE_INFINITY;
  let others = 0;

  const query = watchedQuery(link);

  async function poll(): Promise<void> {
    const startedAtMs = monotonicMs();
    const pools = link.pools();
    const { snapshot = null, backend = null, atMs = null } = seen ?? {};
    const row = (await query(pollSql, [snapshot, nodeId, backend, atMs], pools)) as Poll | undefined;
    if (row === undefined) return;
    const { changes, standby, ...now } = row;
    if (standby) {
      forget();
      void link.suspect(pools);
      return;
    }
    if (seen === undefined || mayHaveMissed(seen, now, startedAtMs - currentAtMs)) report({ ids: undefined });
    for (const [ids, ageMs] of changes) report({ ids: ids.split(" "), ageMs });
    seen = now;
    currentAtMs = startedAtMs;
  }

  function forget(): void {
    seen = undefined;
  }

  async function sendHeartbeat(): Promise<void> {
    const row = await query(heartbeatSql, [nodeId]);
    others = Number(row?.["others"] ?? others);
    await query(cleanSql, []);
  }

  const polling = repeat(poll, pollEveryMs);
  const heartbeats = repeat(sendHeartbeat, heartbeatEveryMs);
  return {
    async start() {
      await poll();
      await sendHeartbeat();
      polling.start();
      heartbeats.start();
    },
    poll: polling.now,
    forget,
    isCurrent: () => monotonicMs() - currentAtMs <= trustedMs,
    liveNodes: () => others + 1,
    async stop() {
      await Promise.all([polling.stop(), heartbeats.stop()]);
      await query(`delete from "nodes" where "id" = $1`, [nodeId]).catch(() => undefined);
    },
  };
}

/**
 * Returns a function that runs a query on the `watch` pool. If the query times out or loses its connection, the link
 * checks whether the server still responds.
 */
function watchedQuery(link: NewsOptions["link"]) {
  return async (
    sql: string,
    values: readonly SqlValue[],
    pools = link.pools(),
  ): Promise<Record<string, unknown> | undefined> => {
    try {
      const [row] = await within(
        deadlineMs,
        pools.watch.run((client) => ask(client, sql, values)),
      );
      link.responded();
      return row;
    } catch (error) {
      if (error instanceof Late || isConnectionFailure(error)) void link.suspect(pools);
      throw error;
    }
  };
}

/**
 * What a poll has read: the snapshot, the server's start time, the id of the server's process for this connection, and
 * the time by the server's clock.
 */
type Seen = { snapshot: string; server: string; backend: number; atMs: number };

/**
 * Returns whether a change may have been missed between two polls. `gapMs` is the time between the polls by this node's
 * clock: PostgreSQL's clock may have been set meanwhile. If PostgreSQL's clock went back, changes may be missed only on
 * a new connection, on which `pollSql` selects by time.
 */
function mayHaveMissed(before: Seen, now: Seen, gapMs: number): boolean {
  if (before.server !== now.server) return true;
  const clockWentBack = now.atMs < before.atMs && before.backend !== now.backend;
  return clockWentBack || Math.max(gapMs, now.atMs - before.atMs) > longestGapMs;
}

type Change = [ids: string, ageMs: number];
type Poll = Seen & { standby: boolean; changes: Change[] };

/**
 * Selects the changes since the last poll. If a process of PostgreSQL crashes, PostgreSQL restarts all its processes
 * but keeps its start time, and may use the ids of unfinished transactions again. A new transaction with such an id
 * looks as if an earlier poll had seen it. So on a new connection, also selects by the time at which changes were
 * stored.
 */
const pollSql = `select pg_current_snapshot()::text as "snapshot", pg_postmaster_start_time()::text as "server",
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

/**
 * Stores this node's heartbeat, and counts the other nodes with a recent heartbeat. All times are by the clock of
 * PostgreSQL, so the clocks of the nodes may differ. If that clock is set back, earlier heartbeats are in the future;
 * a node with such a heartbeat does not count until its next heartbeat.
 */
const heartbeatSql = `with "beat" as (insert into "nodes" ("id", "seenAt") values ($1, clock_timestamp())
    on conflict ("id") do update set "seenAt" = clock_timestamp())
  select count(*) as "others" from "nodes" where "id" <> $1
    and "seenAt" between clock_timestamp() - interval '15 s' and clock_timestamp() + interval '15 s'`;

/** Deletes old heartbeats and changes. Skips changes that another node is deleting at the same time. */
const cleanSql = `with "gone" as (delete from "nodes" where "seenAt" not between
    clock_timestamp() - interval '1 day' and clock_timestamp() + interval '1 day')
  delete from "changes" where ctid in (select ctid from "changes"
    where "recordedAt" < clock_timestamp() - interval '10 min' limit 5000 for update skip locked)`;

/** Runs `work` again and again, with a pause of `everyMs` after each run, even if the run failed. */
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
