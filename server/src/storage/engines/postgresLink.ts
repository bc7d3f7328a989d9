import { StorageError } from "../engine.ts";
import { within } from "./deadline.ts";
import { session } from "./postgresConnection.ts";
import { openPool, type Pool } from "./postgresPool.ts";

/**
 * The connections of this process to PostgreSQL. `points` runs reads of single records; they never wait for the lists
 * and searches of `slow`. `writes` runs transactions. `watch` runs probes, and polls for changes by other nodes.
 */
export type Pools = { points: Pool; slow: Pool; writes: Pool; watch: Pool };

/** The connection pools of one PostgreSQL server. All are replaced when the server may have failed or moved. */
export type Link = {
  /**
   * Returns the current pools. While the server is known to be unreachable, fails immediately. Errors: `StorageError`
   * `unavailable`.
   */
  pools(): Pools;
  /**
   * Checks on a new connection (a probe) whether the server still responds. Call it when a query on `pools` timed out
   * or lost its connection.
   * - If a primary responds, new pools replace `pools`. Queries that run on the old pools may finish.
   * - If a standby responds, or the server responds neither to the probe nor on the old pools, all waiting queries fail
   * at once. Then only probes are sent, until a primary responds.
   *
   * Resolves after the first probe. Sends no probe if `pools` are not the current pools, or are less than a second old.
   */
  suspect(pools: Pools): Promise<void>;
  /** Call it whenever a response arrives. A response shows that the server still runs, even if it is slow. */
  responded(): void;
  close(): Promise<void>;
};

export type LinkOptions = {
  url: string;
  /** the maximum number of connections of this process, in all pools together; at least 4, one for each pool */
  connections: number;
  /** Called when the server responds again. */
  onUp(): void;
  /**
   * Called when a standby responds instead of the primary. Recent reads may have come from the standby, and may be out
   * of date.
   */
  onStandby(): void;
};

const probeMs = 700;
const probePauseMs = 150;
const finishSeconds = 10;
/** The shortest time between two replacements of the pools: new connections would make a slow server even slower. */
const replaceEveryMs = 1_000;

/** Creates the pools. They open their connections when they are first used. */
export function openLink(options: LinkOptions): Link {
  let current: Pools | undefined = openPools(options);
  let probing: Promise<void> | undefined;
  let closed = false;
  let responses = 0;
  let replacedAtMs = Number.NEGATIVE_INFINITY;

  async function probe(): Promise<void> {
    const fresh = openPools(options);
    const responsesBefore = responses;
    const found = await probeServer(fresh);
    if (found === "primary" && !closed) {
      replaceBy(fresh, finishSeconds);
      replacedAtMs = performance.now();
      options.onUp();
      return;
    }
    void closePools(fresh, 0);
    // if a standby responds, the responses on the old pools may have come from it, so they prove nothing
    if (found === "standby") options.onStandby();
    else if (responses > responsesBefore) return;
    replaceBy(undefined, 0);
    if (!closed) setTimeout(() => void probeOnce(), probePauseMs * (1 + Math.random()));
  }

  /** Replaces the pools. Queries that run on the old pools get `seconds` to finish. */
  function replaceBy(next: Pools | undefined, seconds: number): void {
    const old = current;
    current = next;
    if (old !== undefined) void closePools(old, seconds);
  }

  function probeOnce(): Promise<void> {
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
      if (pools === current && performance.now() - replacedAtMs > replaceEveryMs) await probeOnce();
    },
    responded() {
      responses += 1;
    },
    async close() {
      closed = true;
      const last = current;
      current = undefined;
      if (last !== undefined) await closePools(last, finishSeconds);
    },
  };
}

function openPools({ url, connections }: LinkOptions): Pools {
  const slow = Math.max(1, Math.floor(connections / 6));
  const points = Math.max(1, Math.floor((connections - 1 - slow) / 3));
  const pool = (max: number, statement_timeout: string, allowStandby = false) =>
    openPool({ url, max, settings: { ...session, statement_timeout }, allowStandby });
  return {
    points: pool(points, "2s"),
    slow: pool(slow, "10s"),
    writes: pool(connections - 1 - slow - points, "10s"),
    watch: pool(1, "2s", true), // may connect to a standby: whoever uses this pool checks for that
  };
}

type Found = "primary" | "standby" | "nothing";

async function probeServer({ watch }: Pools): Promise<Found> {
  try {
    const query = watch.run((client) => client.unsafe(`select pg_is_in_recovery() as "standby"`));
    const [row] = await within(probeMs, query);
    return row?.standby === false ? "primary" : "standby";
  } catch {
    return "nothing";
  }
}

async function closePools(pools: Pools, seconds: number): Promise<void> {
  await Promise.all(Object.values(pools).map((pool) => pool.close(seconds)));
}
