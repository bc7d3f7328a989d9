import type { SQL } from "bun";
import { StorageError } from "../engine.ts";
import { within } from "./deadline.ts";
import { type Connection, type ConnectionOptions, connect } from "./postgresConnection.ts";

export type PoolOptions = ConnectionOptions & { max: number };

/**
 * A connection that only one caller uses. When the caller is done, it must call either `release` or, if the connection
 * no longer works, `discard`, once.
 */
export type Reserved = { client: SQL; release(): void; discard(): void };

/**
 * A pool of connections. Each connection sets and checks its session settings before it runs anything else. A statement
 * sets them: PgBouncer refuses or silently ignores most settings in the startup message of a connection.
 */
export type Pool = {
  /**
   * Runs `work` on the least busy connection. Errors: the driver's, and what `work` throws; `StorageError` `busy` if
   * all connections stay reserved for 20 seconds, and `unavailable` if the pool is closed.
   */
  run<T>(work: (client: SQL) => PromiseLike<T>): Promise<T>;
  /**
   * Reserves a connection. Errors: the driver's; `StorageError` `busy` if no connection becomes free within `withinMs`,
   * and `unavailable` if the pool is closed.
   */
  reserve(withinMs: number): Promise<Reserved>;
  /** Refuses new work. Running queries get `seconds` to finish. */
  close(seconds: number): Promise<void>;
};

const runWithinMs = 20_000;

type Slot = Connection & { users: number; reserved: boolean };

/** Creates a pool. It opens connections when they are needed. */
export function openPool(options: PoolOptions): Pool {
  const slots = openSlots(options);
  const queue = openQueue();

  async function take(alone: boolean, withinMs: number): Promise<Slot> {
    const giveUpAtMs = performance.now() + withinMs;
    let slot = queue.isEmpty() ? slots.pick(alone) : undefined;
    while (slot === undefined) {
      await queue.wait(giveUpAtMs);
      slot = slots.pick(alone);
    }
    slot.users += 1;
    slot.reserved = alone;
    try {
      await slot.ready;
    } catch (error) {
      discard(slot);
      throw error;
    }
    return slot;
  }

  function giveBack(slot: Slot): void {
    slots.giveBack(slot);
    queue.next();
  }

  function discard(slot: Slot): void {
    slots.discard(slot);
    queue.next();
  }

  return {
    async run(work) {
      const slot = await take(false, runWithinMs);
      try {
        return await work(slot.client);
      } finally {
        giveBack(slot);
      }
    },
    async reserve(withinMs) {
      const slot = await take(true, withinMs);
      return { client: slot.client, release: () => giveBack(slot), discard: () => discard(slot) };
    },
    async close(seconds) {
      const closed = slots.close(seconds);
      queue.wakeAll();
      await closed;
    },
  };
}

function openSlots(options: PoolOptions) {
  const all = new Set<Slot>();
  const closing = new Set<Promise<unknown>>();
  let closed = false;
  let onEmpty = () => {};

  /**
   * Closes a connection that must not be used anymore. Otherwise the driver would reconnect by itself, without the
   * session settings, even in the middle of a transaction.
   */
  function discard(slot: Slot): void {
    all.delete(slot);
    if (all.size === 0) onEmpty();
    const closed = slot.client.close({ timeout: 0 }).catch(() => undefined);
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  }

  return {
    discard,
    /**
     * Returns an idle connection, or a new one if the pool is not full. If the pool is full and no connection is idle,
     * returns the least busy connection that nobody has reserved, or `undefined` if all are reserved. With `alone`, the
     * caller must be the connection's only user, so a busy connection is not returned.
     */
    pick(alone: boolean): Slot | undefined {
      if (closed)
        throw new StorageError(
          "unavailable",
          "The server is stopping and has closed its connections to the database.",
        );
      const least = leastUsed(all);
      if (least?.users === 0) return least;
      if (all.size === options.max) return alone ? undefined : least;
      const slot: Slot = { ...connect(options, () => discard(slot)), users: 0, reserved: false };
      all.add(slot);
      return slot;
    },
    giveBack(slot: Slot): void {
      slot.users -= 1;
      slot.reserved = false;
      if (closed && slot.users === 0) discard(slot);
    },
    async close(seconds: number): Promise<void> {
      closed = true;
      for (const slot of all) if (slot.users === 0) discard(slot);
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      if (all.size > 0 && seconds > 0) await within(seconds * 1_000, empty).catch(() => undefined);
      for (const slot of all) discard(slot);
      await Promise.all(closing);
    },
  };
}

function leastUsed(slots: Iterable<Slot>): Slot | undefined {
  let least: Slot | undefined;
  for (const slot of slots) if (!slot.reserved && slot.users < (least?.users ?? Infinity)) least = slot;
  return least;
}

/** A queue of callers that wait for a connection. */
function openQueue() {
  const waiting: (() => void)[] = [];
  return {
    isEmpty: () => waiting.length === 0,
    next: () => waiting.shift()?.(),
    wakeAll(): void {
      for (const wake of waiting.splice(0)) wake();
    },
    async wait(giveUpAtMs: number): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      try {
        await within(Math.max(0, giveUpAtMs - performance.now()), promise);
      } catch (error) {
        const index = waiting.indexOf(resolve);
        if (index >= 0) waiting.splice(index, 1);
        throw new StorageError("busy", "All connections to the database are in use.", error);
      }
    },
  };
}
