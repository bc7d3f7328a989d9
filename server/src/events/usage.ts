import { type CountedUse, type Period, periodMs, type UsageEvent } from "../domain/usage.ts";
import type { UsageThread } from "./usageThread.ts";
import { waitingEvents } from "./waitingEvents.ts";

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
const tagsPerKeyAndHour = 100;
const otherTags = "other";

/** Collects what is recorded and hands it on to a thread of its own, which stores it. */
export function collectUsage(options: Options): Usage {
  const { thread } = options;
  const counts = useCounts();
  const dropped = { events: 0, counts: 0 };
  const events = waitingEvents((count) => {
    dropped.events += count;
  });
  let flushing: Promise<void> = Promise.resolve();

  function record(event: UsageEvent): void {
    if (!counts.add(event)) dropped.counts += 1;
    if (options.keepEvents) events.add(event);
  }

  async function flush(): Promise<void> {
    const batch = { counts: counts.take(), events: events.take() };
    if (batch.counts.length === 0 && batch.events.length === 0) return;
    try {
      await thread.ask({ kind: "add", ...batch, nowMs: options.nowMs() });
    } catch {
      dropped.counts += batch.counts.length;
      for (const { count } of batch.events) dropped.events += count;
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

/** Adds equal events of one minute up until they are taken. */
function useCounts() {
  /** of each key or namespace; a few, so that they are compared and not named */
  let untagged = new Map<string, CountedUse[]>();
  /** by all that makes them equal */
  let tagged = new Map<string, CountedUse>();
  let waiting = 0;
  const bound = tagBound();

  function start(event: UsageEvent, minuteMs: number, tags: readonly string[]): CountedUse | undefined {
    if (waiting >= maxWaitingCounts) return undefined;
    waiting += 1;
    const { requestId: _, ...rest } = event;
    return { ...rest, tags, minuteMs, count: 0, credits: 0, lastMs: event.atMs };
  }

  function findUntagged(event: UsageEvent, minuteMs: number): CountedUse | undefined {
    const subjectId = event.keyId ?? event.namespaceId ?? "";
    const known = untagged.get(subjectId) ?? [];
    for (const one of known) if (isAlike(one, event, minuteMs)) return one;
    const first = start(event, minuteMs, event.tags);
    if (first !== undefined) untagged.set(subjectId, [...known, first]);
    return first;
  }

  function findTagged(event: UsageEvent, minuteMs: number): CountedUse | undefined {
    const tags = bound(event.keyId ?? "", event.atMs, event.tags);
    const name = `${minuteMs}/${event.keyId ?? event.namespaceId}/${event.identityId ?? ""}/${event.outcome}/${tags.join("\n")}`;
    const known = tagged.get(name);
    if (known !== undefined) return known;
    const first = start(event, minuteMs, tags);
    if (first !== undefined) tagged.set(name, first);
    return first;
  }

  return {
    /** Whether there was room for it. */
    add(event: UsageEvent): boolean {
      const minuteMs = event.atMs - (event.atMs % periodMs.minute);
      const counted = event.tags.length === 0 ? findUntagged(event, minuteMs) : findTagged(event, minuteMs);
      if (counted === undefined) return false;
      counted.count += 1;
      counted.credits += event.credits;
      counted.lastMs = event.atMs;
      return true;
    },
    /** All there are; the next ones are counted from zero. */
    take(): CountedUse[] {
      const taken = [...[...untagged.values()].flat(), ...tagged.values()];
      untagged = new Map();
      tagged = new Map();
      waiting = 0;
      return taken;
    },
  };
}

function isAlike(counted: CountedUse, event: UsageEvent, minuteMs: number): boolean {
  return (
    counted.outcome === event.outcome &&
    counted.minuteMs === minuteMs &&
    counted.identityId === event.identityId
  );
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
