import { type CountedUse, type Period, periodMs, type UsageEvent } from "../domain/usage.ts";
import type { UsageThread } from "./usageThread.ts";

/** How many verifications or decisions had this outcome in one period. */
export type UsageRow = { startMs: number; outcome: string; count: number; credits: number };

export type UsageQuery = {
  workspaceId: string;
  /** a key, an identity, an api or a namespace */
  subjectId: string;
  period: Period;
  /** inclusive */
  startMs: number;
  /** exclusive */
  endMs: number;
  /** undefined: all; else only what carried this tag */
  tag: string | undefined;
};

/** Counts what happens, apart from what decides: recording never waits and never fails. */
export type Usage = {
  record(event: UsageEvent): void;
  /** What was recorded before the call, in order of time. */
  query(query: UsageQuery): Promise<UsageRow[]>;
  /** When each of these keys was last verified, where it was. */
  lastUses(workspaceId: string, keyIds: readonly string[]): Promise<Map<string, number>>;
  /** Single events that were not kept, and counts that were not either, since the start. */
  dropped(): { events: number; counts: number };
  close(): Promise<void>;
};

type Options = {
  thread: UsageThread;
  nowMs(): number;
  /** whether single events are kept beside the counts */
  keepEvents: boolean;
  /** a second, unless the store is slower than that */
  flushMs: number;
};

/** Counts waiting to be stored; above it new ones are dropped, and that is counted. */
const maxWaitingCounts = 500_000;
/** Single events waiting to be stored; above it the oldest are dropped. */
const maxWaitingEvents = 20_000;
const tagsPerKeyAndHour = 100;
const otherTags = "other";

/** Collects what is recorded and hands it on to a thread of its own, which stores it. */
export function collectUsage(options: Options): Usage {
  const { thread } = options;
  let counts = new Map<string, CountedUse>();
  let events: string[] = [];
  const dropped = { events: 0, counts: 0 };
  const tags = tagBound();
  let flushing: Promise<void> = Promise.resolve();

  function record(event: UsageEvent): void {
    const minuteMs = event.atMs - (event.atMs % periodMs.minute);
    const bounded = event.tags.length === 0 ? event.tags : tags(event.keyId ?? "", event.atMs, event.tags);
    const name = `${minuteMs}/${event.keyId ?? event.namespaceId}/${event.identityId ?? ""}/${event.outcome}/${bounded.join("\n")}`;
    const counted = counts.get(name);
    if (counted !== undefined) {
      counted.count += 1;
      counted.credits += event.credits;
      counted.lastMs = event.atMs;
    } else if (counts.size >= maxWaitingCounts) dropped.counts += 1;
    else {
      const { tags: _, ...rest } = event;
      counts.set(name, { ...rest, tags: bounded, minuteMs, count: 1, lastMs: event.atMs });
    }
    if (options.keepEvents) keepEvent(event);
  }

  function keepEvent(event: UsageEvent): void {
    events.push(JSON.stringify(event));
    if (events.length < 2 * maxWaitingEvents) return;
    dropped.events += maxWaitingEvents;
    events = events.slice(maxWaitingEvents);
  }

  async function flush(): Promise<void> {
    if (counts.size === 0 && events.length === 0) return;
    const batch = { counts: [...counts.values()], events: events.slice(-maxWaitingEvents) };
    dropped.events += events.length - batch.events.length;
    counts = new Map();
    events = [];
    try {
      await thread.ask({ kind: "add", ...batch, nowMs: options.nowMs() });
    } catch {
      dropped.counts += batch.counts.length;
      dropped.events += batch.events.length;
    }
  }

  function flushNow(): Promise<void> {
    flushing = flushing.then(flush);
    return flushing;
  }

  let underWay = false;
  const timer = setInterval(() => {
    if (underWay) return;
    underWay = true;
    void flushNow().finally(() => {
      underWay = false;
    });
  }, options.flushMs);
  timer.unref();

  return {
    record,
    async query(query) {
      await flushNow();
      return (await thread.ask({ kind: "query", query })) as UsageRow[];
    },
    async lastUses(workspaceId, keyIds) {
      if (keyIds.length === 0) return new Map();
      await flushNow();
      const rows = await thread.ask({ kind: "lastUses", workspaceId, keyIds });
      return new Map((rows as { keyId: string; atMs: number }[]).map((row) => [row.keyId, row.atMs]));
    },
    dropped: () => ({ ...dropped }),
    async close() {
      clearInterval(timer);
      await flushNow();
      await thread.close();
    },
  };
}

/** Lets a key have so many tags in an hour; what comes beyond counts as `other`. */
function tagBound(): (keyId: string, atMs: number, tags: readonly string[]) => string[] {
  let hour = 0;
  let seen = new Map<string, Set<string>>();
  return (keyId, atMs, tags) => {
    const nowHour = Math.floor(atMs / periodMs.hour);
    if (nowHour !== hour) {
      hour = nowHour;
      seen = new Map();
    }
    let known = seen.get(keyId);
    if (known === undefined) {
      known = new Set();
      seen.set(keyId, known);
    }
    const bounded = new Set<string>();
    for (const tag of tags) {
      if (known.size < tagsPerKeyAndHour) known.add(tag);
      bounded.add(known.has(tag) ? tag : otherTags);
    }
    return [...bounded];
  };
}
