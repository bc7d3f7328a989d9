import type { UsageEvent } from "../domain/usage.ts";
import type { EventPage, EventQuery } from "./eventReader.ts";
import type {
  LastUse,
  LastUsed,
  UsageOrder,
  UsageOrderOf,
  UsageQuery,
  UsageRow,
  UsedKeysQuery,
} from "./orders.ts";
import { recorder } from "./recorder.ts";
import type { UsageThread } from "./thread.ts";
import type { IdentifierQuery, IdentifierTop, Top, TopQuery } from "./tops.ts";

/** Counts verifications and rate limit decisions. Recording never waits and never fails. */
export type Usage = {
  record(event: UsageEvent): void;
  /** Records that a request with this root key was accepted. */
  touch(workspaceId: string, rootKeyId: string, atMs: number): void;
  /**
   * Ordered by time. Includes everything that this process recorded before the call, except that under load the counts of
   * the latest 10 seconds may be missing.
   */
  query(query: UsageQuery): Promise<UsageRow[]>;
  /** Single events, newest first. Includes everything that this process recorded before the call. */
  events(query: EventQuery): Promise<EventPage>;
  /** The subjects or tags with the most events, from the counts. Under load, the latest 75 seconds may be missing. */
  top(query: TopQuery): Promise<Top>;
  /** The identifiers with the most decisions, from single events. */
  topIdentifiers(query: IdentifierQuery): Promise<IdentifierTop>;
  /**
   * When each of these keys was last verified, two minutes late under load, or each of these root keys last used. Omits
   * those that never were.
   */
  lastUses(workspaceId: string, keyIds: readonly string[]): Promise<Map<string, number>>;
  /** Keys in the order of their last use. Omits keys that were never verified. */
  usedKeys(query: UsedKeysQuery): Promise<LastUsed[]>;
  /** How many single events, counts and tags were lost since the start, and how many stored events gave way to newer ones. */
  dropped(): Dropped;
  close(): Promise<void>;
};

type Dropped = { events: number; counts: number; tags: number; evicted: number };

type Options = {
  thread: UsageThread;
  nowMs(): number;
  /** the current time, for deciding which rows are old enough to delete; undefined while the clock is not trusted: then none are */
  oldTime(): number | undefined;
  /** how often what was recorded is passed on, unless the thread is slower than that */
  flushMs: number;
};

/** While the server is idle, every this many flushes it checks whether rows are old or take too much space. */
const flushesPerUpkeep = 120;

/** Collects what is recorded, and passes it on once per interval to the thread that stores it. */
export function collectUsage(options: Options): Usage {
  const { thread } = options;
  const uses = latestUses();
  const events = eventSender(options);
  let flushing: Promise<void> = Promise.resolve();

  /** Last uses that cannot be stored are lost: the next use of the same root key brings a later one. */
  async function flushUses(): Promise<void> {
    const taken = uses.take();
    if (taken.length > 0) await thread.ask<"touch">({ kind: "touch", uses: taken }).catch(() => undefined);
  }

  function flushNow(): Promise<void> {
    flushing = flushing.then(flushUses).then(events.flush);
    return flushing;
  }

  /** Includes everything that was recorded before. */
  async function ask<K extends UsageOrder["kind"]>(order: UsageOrderOf<K>) {
    await flushNow();
    return thread.ask<K>(order);
  }

  const stopTimer = every(options.flushMs, flushNow);
  return {
    record: events.record,
    touch: uses.add,
    query: (query) => ask<"query">({ kind: "query", query }),
    events: (query) => ask<"events">({ kind: "events", query }),
    top: (query) => ask<"top">({ kind: "top", query }),
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

/** Passes recorded events on to the thread. */
function eventSender({ thread, nowMs, oldTime }: Options) {
  const { record, take, lose, lost, lostTags } = recorder();
  let droppedByThread: Omit<Dropped, "tags"> = { events: 0, counts: 0, evicted: 0 };
  /** whether the thread has something that is not stored yet, and needs further orders to store it */
  let isThreadWaiting = false;
  let idleFlushes = 0;
  return {
    record,
    async flush(): Promise<void> {
      const { text, count, lostUntilMs } = take();
      idleFlushes = count > 0 || isThreadWaiting ? 0 : idleFlushes + 1;
      if (idleFlushes % flushesPerUpkeep !== 0) return;
      try {
        const order = { text, lostUntilMs, nowMs: nowMs(), oldTimeMs: oldTime() };
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

/** Keeps the last use of each root key until it is taken. */
function latestUses() {
  let latest = new Map<string, LastUse>();
  return {
    add(workspaceId: string, keyId: string, atMs: number): void {
      const known = latest.get(keyId);
      if (known === undefined) latest.set(keyId, { workspaceId, keyId, atMs });
      else known.atMs = Math.max(known.atMs, atMs);
    },
    take(): LastUse[] {
      const taken = [...latest.values()];
      latest = new Map();
      return taken;
    },
  };
}

/** Runs `work` once per interval, but never twice at once. Returns a function that stops it. */
function every(ms: number, work: () => Promise<void>): () => void {
  let underWay = false;
  const timer = setInterval(() => {
    if (underWay) return;
    underWay = true;
    void work().finally(() => {
      underWay = false;
    });
  }, ms);
  timer.unref();
  return () => clearInterval(timer);
}
