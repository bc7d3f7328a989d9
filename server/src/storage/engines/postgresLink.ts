import { SQL } from "bun";
import { StorageError } from "../engine.ts";

/** One process's connections to the server, apart by how long what runs on them takes. */
export type Pools = { points: SQL; slow: SQL; writes: SQL; watch: SQL };

/** The way to the server, replaced as a whole when the server may have gone. */
export type Link = {
  /** Errors: `StorageError` `unavailable` at once while the server is known to be out of reach. */
  pools(): Pools;
  /**
   * Something on these pools did not answer or broke off: asks the server on a new connection. Where it answers, new
   * pools take over and what runs on the old ones may finish; where it does not, and answers nobody else either, or
   * says that it is a standby, all that waits is refused at once, and only this asks again until there is a primary.
   * Resolves when the first answer is known.
   */
  suspect(pools: Pools): Promise<void>;
  /** An answer came: the server may be slow, but it is there. */
  answered(): void;
  close(): Promise<void>;
};

export type LinkOptions = {
  url: string;
  /** of all pools together, at least 4 */
  connections: number;
  /** Called when the server answers again. */
  onUp(): void;
  /** Called when a standby answered in the primary's place: what was read lately may have come from it. */
  onStandby(): void;
};

const probeMs = 700;
const probePauseMs = 150;
const finishSeconds = 10;
/** pools are not replaced again sooner than this: where all is slow, new connections make it slower */
const replacedAtMostMs = 1_000;

/** For each connection: nothing waits forever, a commit is flushed, and a stuck client's locks are let go. */
export const session = {
  application_name: "latchkey",
  client_encoding: "UTF8",
  default_transaction_isolation: "read committed",
  synchronous_commit: "on",
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 10_000,
};

/**
 * A standby refuses a connection that asks for this, so that nothing is read from it before anybody has noticed that
 * the address leads there now. So does a primary that takes no writes by default, which may be read from.
 */
const primaryOnly = { transaction_read_only: "off" };

/** Opens no connection yet. */
export function openLink(options: LinkOptions): Link {
  let current: Pools | undefined = makePools(options);
  let probing: Promise<void> | undefined;
  let closed = false;
  let answers = 0;
  let replacedAtMs = Number.NEGATIVE_INFINITY;

  async function probe(): Promise<void> {
    const fresh = makePools(options);
    const answersBefore = answers;
    const found = await whatIsThere(fresh);
    const next = closed ? undefined : poolsFor(found, fresh);
    if (next !== undefined) {
      replaceBy(next, finishSeconds);
      replacedAtMs = performance.now();
      options.onUp();
      return;
    }
    void closePools(fresh, 0);
    // what a standby answers on the old pools says nothing of a primary
    if (found === "standby") options.onStandby();
    else if (answers > answersBefore) return;
    replaceBy(undefined, 0);
    if (!closed) setTimeout(() => void again(), probePauseMs * (1 + Math.random()));
  }

  /** Nothing has connected the other pools of `fresh` yet; what may be read from only is met without the guard. */
  function poolsFor(found: Found, fresh: Pools): Pools | undefined {
    if (found === "primary") return fresh;
    return found === "read-only primary" ? { ...makePools(options, {}), watch: fresh.watch } : undefined;
  }

  /** What runs on the old pools gets `seconds` to finish. */
  function replaceBy(next: Pools | undefined, seconds: number): void {
    const old = current;
    current = next;
    if (old !== undefined) void closePools(old, seconds);
  }

  function again(): Promise<void> {
    probing ??= probe().finally(() => {
      probing = undefined;
    });
    return probing;
  }

  return {
    pools() {
      if (current === undefined) throw new StorageError("unavailable", "The database cannot be reached.");
      return current;
    },
    async suspect(pools) {
      if (pools === current && performance.now() - replacedAtMs > replacedAtMostMs) await again();
    },
    answered() {
      answers += 1;
    },
    async close() {
      closed = true;
      const last = current;
      current = undefined;
      if (last !== undefined) await closePools(last, finishSeconds);
    },
  };
}

function makePools({ url, connections }: LinkOptions, guard: object = primaryOnly): Pools {
  const slow = Math.max(1, Math.floor(connections / 6));
  const points = Math.max(1, Math.floor((connections - 1 - slow) / 3));
  const { pathname } = new URL(url);
  // named, since the environment may name another
  const database = pathname.length > 1 ? { database: decodeURIComponent(pathname.slice(1)) } : {};
  const pool = (max: number, statementMs: number, guarded = guard) =>
    new SQL(url, {
      max,
      ...database,
      connectionTimeout: 5,
      connection: { ...session, ...guarded, statement_timeout: statementMs },
    });
  return {
    points: pool(points, 2_000),
    slow: pool(slow, 10_000),
    writes: pool(connections - 1 - slow - points, 10_000),
    watch: pool(1, 2_000, {}), // which looks for itself
  };
}

type Found = "primary" | "read-only primary" | "standby" | "nothing";

/** What takes a connection and answers: a standby never takes writes, a primary may be told not to. */
async function whatIsThere({ watch }: Pools): Promise<Found> {
  try {
    const [row] = await within(probeMs, watch.unsafe(whatSql));
    if (row?.standby !== false) return "standby";
    return row.readOnly === true ? "read-only primary" : "primary";
  } catch {
    return "nothing";
  }
}

const whatSql = `select pg_is_in_recovery() as "standby",
  current_setting('default_transaction_read_only') = 'on' as "readOnly"`;

async function closePools(pools: Pools, seconds: number): Promise<void> {
  await Promise.allSettled(Object.values(pools).map((pool) => pool.close({ timeout: seconds })));
}

/** What `within` throws. */
export class Late extends Error {}

/** How long a process that was itself held up waits for answers that came meanwhile. */
const graceMs = 50;

/** The promise's outcome, or `Late` after `ms`; the promise itself goes on. */
export async function within<T>(ms: number, promise: PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      timer = setTimeout(() => reject(new Late()), graceMs);
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
