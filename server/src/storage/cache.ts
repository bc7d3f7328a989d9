import type { KeyRecord } from "../domain/verification.ts";
import type { NamespaceRecord } from "./queries/namespaces.ts";

/** Records read through the database and kept until something they were made from changes. */
export type RecordCache<V> = {
  /** The record, at once where it is kept. Absence is never kept: only look-ups under way are joined. */
  find(key: string): V | Promise<V | undefined>;
  /** The record where it is kept; nothing is looked up. */
  findKept(key: string): V | undefined;
  /** Forgets every record that was made from the thing with this id; look-ups under way are made again. */
  evict(id: string): void;
  clear(): void;
};

/** Keyed by workspace and hash. */
export type KeyCache = RecordCache<KeyRecord>;

/** Keyed by workspace and the name or id of the namespace. */
export type NamespaceCache = RecordCache<NamespaceRecord>;

/** Injective: workspace ids hold no slash. */
export function workspaceKey(workspaceId: string, name: string): string {
  return `${workspaceId}/${name}`;
}

/** What `workspaceKey` was made from. */
export function workspaceKeyParts(key: string): [workspaceId: string, name: string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}

type Source<V> = {
  load(key: string): Promise<V | undefined>;
  /** the ids of all that the record was made from */
  madeFrom(value: V): readonly string[];
  /** roughly, in bytes */
  weigh(value: V): number;
  maxBytes: number;
  /** whether all changes have lately been heard of: nothing kept is used while not */
  isCurrent(): boolean;
};

/** `since`: the change before which its load began. `checked`: the last change known not to concern it. */
type Entry<V> = { value: V; ids: readonly string[]; since: number; checked: number };

/**
 * What is kept is kept until a change to something it was made from; a look-up under way when that change comes is
 * made again, so it never brings back what was revoked.
 */
export function recordCache<V extends object>(source: Source<V>): RecordCache<V> {
  const changes = changeLog();
  const kept = twoGenerations<Entry<V>>(source.maxBytes);
  const loading = new Map<string, Promise<V | undefined>>();

  function findKept(key: string): V | undefined {
    const entry = kept.find(key);
    return entry !== undefined && changes.isFresh(entry) && source.isCurrent() ? entry.value : undefined;
  }

  async function load(key: string): Promise<V | undefined> {
    for (;;) {
      const since = changes.latest();
      const value = await source.load(key);
      if (value === undefined) return undefined;
      const entry = { value, ids: source.madeFrom(value), since, checked: since };
      if (!changes.isFresh(entry)) continue;
      kept.keep(key, entry, source.weigh(value));
      return value;
    }
  }

  async function loadOnce(key: string): Promise<V | undefined> {
    const underWay = loading.get(key);
    if (underWay !== undefined) {
      // absent: it may have been made since that look-up began; found: kept only where it is still fresh
      return (await underWay) === undefined ? load(key) : (findKept(key) ?? load(key));
    }
    const started = load(key);
    loading.set(key, started);
    try {
      return await started;
    } finally {
      loading.delete(key);
    }
  }

  return {
    find: (key) => findKept(key) ?? loadOnce(key),
    findKept,
    evict: changes.note,
    clear() {
      changes.noteAll();
      kept.clear();
    },
  };
}

/** Above this many remembered changes all records count as changed instead. */
const changesRemembered = 100_000;

/** Numbers the changes, and knows which came after a record's load began. */
function changeLog() {
  let latest = 0;
  let allAt = 0;
  const changedAt = new Map<string, number>();

  function noteAll(): void {
    latest += 1;
    allAt = latest;
    changedAt.clear();
  }

  return {
    latest: () => latest,
    note(id: string): void {
      if (changedAt.size >= changesRemembered) noteAll();
      latest += 1;
      changedAt.set(id, latest);
    },
    noteAll,
    isFresh(entry: Entry<unknown>): boolean {
      if (entry.checked === latest) return true;
      if (entry.since < allAt) return false;
      if (entry.ids.some((id) => (changedAt.get(id) ?? 0) > entry.since)) return false;
      entry.checked = latest;
      return true;
    },
  };
}

/**
 * Approximates least-recently-used within `maxBytes`: what is found in the older generation moves to the younger,
 * and when the younger is half of all, it becomes the older.
 */
function twoGenerations<E>(maxBytes: number) {
  type Weighed = { entry: E; bytes: number };
  let younger = new Map<string, Weighed>();
  let older = new Map<string, Weighed>();
  let youngerBytes = 0;

  function add(key: string, weighed: Weighed): void {
    younger.set(key, weighed);
    youngerBytes += weighed.bytes;
    if (youngerBytes < maxBytes / 2) return;
    older = younger;
    younger = new Map();
    youngerBytes = 0;
  }

  return {
    find(key: string): E | undefined {
      const young = younger.get(key);
      if (young !== undefined) return young.entry;
      const old = older.get(key);
      if (old === undefined) return undefined;
      older.delete(key);
      add(key, old);
      return old.entry;
    },
    keep: (key: string, entry: E, bytes: number) => add(key, { entry, bytes }),
    clear(): void {
      younger = new Map();
      older = new Map();
      youngerBytes = 0;
    },
  };
}
