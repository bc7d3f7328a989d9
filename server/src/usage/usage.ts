import type { UsageEvent } from "../domain/usage.ts";
import type { EventPage, EventQuery } from "./eventReader.ts";
import type {
  LastUse,
  LastUseToStore,
  UsageOrder,
  UsageOrderOf,
  UsageQuery,
  UsageRow,
  UsedKeysQuery,
} from "./orders.ts";
import { recorder } from "./recorder.ts";
import type { UsageThread } from "./thread.ts";
import type { IdentifierQuery, IdentifierTop, Top, TopQuery } from "./tops.ts";

/** Records verifications, rate limit decisions and settlements, and reads what was recorded. */
export type Usage = {
  /** Records an event in memory. Never waits and never throws, but drops the event if too many wait for the thread. */
  record(event: UsageEvent): void;
  /** Records that a request with this root key was accepted. */
  touch(workspaceId: string, rootKeyId: string, atMs: number): void;
  /**
   * Returns counts, ordered by time. The counts include everything that this process recorded before the call. Only
   * while very many counts wait to be stored, the last 10 seconds may be missing.
   */
  query(query: UsageQuery): Promise<UsageRow[]>;
  /** Returns events, newest first, including everything that this process recorded before the call. */
  events(query: EventQuery): Promise<EventPage>;
  /** Returns the subjects or tags with the most events. Under load, the last 75 seconds may be missing. */
  top(query: TopQuery): Promise<Top>;
  /** Returns the identifiers with the most rate limit decisions. */
  topIdentifiers(query: IdentifierQuery): Promise<IdentifierTop>;
  /**
   * Returns when each of these keys was last verified, or when each of these root keys was last used. Omits unused
   * keys. Under load, the last use of a key may be missing for up to two minutes.
   */
  lastUses(workspaceId: string, keyIds: readonly string[]): Promise<Map<string, number>>;
  /** Returns keys in the order of their last use. Omits keys that were never verified. */
  usedKeys(query: UsedKeysQuery): Promise<LastUse[]>;
  /**
   * Returns how many events, counts and tags were lost since the process started, and how many stored events were
   * evicted to free space.
   */
  dropped(): Dropped;
  close(): Promise<void>;
};

type Dropped = { events: number; counts: number; tags: number; evicted: number };

type Options = {
  thread: UsageThread;
  nowMs(): number;
  /**
   * returns the time from which the age of stored rows is computed; undefined while the clock may be wrong: then no row
   * is moved or deleted because of its age
   */
  steadyTimeMs(): number | undefined;
  /** how often events are sent to the thread, in milliseconds; a flush is skipped while the previous flush runs */
  flushMs: number;
};

/**
 * The thread deletes old rows and checks its disk space only when it gets an order. So while there is nothing to store,
 * every 120th flush still sends an order.
 */
const flushesPerUpkeep = 120;

/** Collects recorded events and the last uses of root keys, and sends them to the usage thread once per interval. */
export function collectUsage(options: Options): Usage {
  const { thread } = options;
  const uses = latestUses();
  const events = eventSender(options);
  let flushing: Promise<void> = Promise.resolve();

  /**
   * Sends the last uses of root keys. If they cannot be stored, they are lost. That is acceptable, because each root
   * key's next use replaces its last use anyway.
   */
  async function flushUses(): Promise<void> {
    const taken = uses.take();
    if (taken.length > 0) await thread.ask<"touch">({ kind: "touch", uses: taken }).catch(() => undefined);
  }

  function flushNow(): Promise<void> {
    flushing = flushing.then(flushUses).then(events.flush);
    return flushing;
  }

  /** Sends everything that was recorded so far, then the order. */
  async function ask<K extends UsageOrder["kind"]>(order: UsageOrderOf<K>) {
    await flushNow();
    return thread.ask<K>(order);
  }

  /** Resolves when all `top` queries have ended. These queries run one at a time, because each may fill the memory. */
  let tops: Promise<unknown> = Promise.resolve();

  async function askUntilFinished(query: TopQuery): Promise<Top> {
    for (let isRest = false; ; isRest = true) {
      const found = await ask<"top">({ kind: "top", query, isRest });
      if (found !== "unfinished") return found;
    }
  }

  const stopTimer = every(options.flushMs, flushNow);
  return {
    record: events.record,
    touch: uses.add,
    query: (query) => ask<"query">({ kind: "query", query }),
    events: (query) => ask<"events">({ kind: "events", query }),
    top(query) {
      const found = tops.then(() => askUntilFinished(query));
      tops = found.catch(() => undefined);
      return found;
    },
    topIdentifiers: (query) => ask<"topIdentifiers">({ kind: "topIdentifiers", query }),
    async lastUses(workspaceId, keyIds) {
      if (keyIds.length === 0) return new Map();
      const uses = await ask<"lastUses">({ kind: "lastUses", workspaceId, keyIds });
      return new Map(uses.map(({ keyId, atMs }) => [keyId, atMs]));
    },
    usedKeys: (query) => ask<"usedKeys">({ kind: "usedKeys", query }),
    dropped: events.dropped,
    async close() {
      stopTimer();
      await ask<"save">({ kind: "save" }).catch(() => undefined);
      await thread.close();
    },
  };
}

/** Sends recorded events to the thread. */
function eventSender({ thread, nowMs, steadyTimeMs }: Options) {
  const { record, take, lose, lost, lostTags } = recorder();
  let droppedByThread: Omit<Dropped, "tags"> = { events: 0, counts: 0, evicted: 0 };
  /** whether the thread has data to store; it stores only when it gets an order, so more orders must then follow */
  let isThreadWaiting = false;
  let idleFlushes = 0;
  return {
    record,
    async flush(): Promise<void> {
      const { text, count, lostUntilMs } = take();
      idleFlushes = count > 0 || isThreadWaiting ? 0 : idleFlushes + 1;
      if (idleFlushes % flushesPerUpkeep !== 0) return;
      try {
        const order = { text, lostUntilMs, nowMs: nowMs(), steadyMs: steadyTimeMs() };
        const { isWaiting, ...dropped } = await thread.ask({ kind: "add", ...order });
        isThreadWaiting = isWaiting;
        droppedByThread = dropped;
      } catch {
        lose(Math.max(nowMs(), lostUntilMs ?? 0), count);
      }
    },
    dropped: (): Dropped => ({
      ...droppedByThread,
      events: lost() + droppedByThread.events,
      counts: lost() + droppedByThread.counts,
      tags: lostTags(),
    }),
  };
}

/** Keeps the time of each root key's last use until the next flush. */
function latestUses() {
  let latest = new Map<string, LastUseToStore>();
  return {
    add(workspaceId: string, keyId: string, atMs: number): void {
      const known = latest.get(keyId);
      if (known === undefined) latest.set(keyId, { workspaceId, keyId, atMs });
      else known.atMs = Math.max(known.atMs, atMs);
    },
    take(): LastUseToStore[] {
      const taken = [...latest.values()];
      latest = new Map();
      return taken;
    },
  };
}

/**
 * Runs `work` every `ms` milliseconds, unless the previous run has not ended. Returns a function that stops the timer.
 */
function every(ms: number, work: () => Promise<void>): () => void {
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    void work().finally(() => {
      isRunning = false;
    });
  }, ms);
  timer.unref();
  return () => clearInterval(timer);
}
