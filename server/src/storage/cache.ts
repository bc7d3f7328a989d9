import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { ChangeLog, Dated } from "./changeLog.ts";
import { linkedTable } from "./linkedTable.ts";

/** A read-through cache: each record is kept until something it depends on changes. */
export type RecordCache<V> = {
  /**
   * Returns the record, or `undefined` if the database has none. Returns synchronously if the record is cached or the
   * database is embedded. Misses are not cached. Concurrent lookups share one query.
   */
  find(workspaceId: string, name: string): MaybePromise<V | undefined>;
  /** Returns the record if it is cached. Never queries the database. */
  findKept(workspaceId: string, name: string): V | undefined;
  clear(): void;
  /** how often `find` and `findKept` returned a cached record, and how often `find` queried the database */
  uses(): { hits: number; misses: number };
  /** the memory that the cache takes, including the parts that its records share */
  bytes(): number;
};

type Source<V> = {
  /** the changes to everything that records are built from */
  changes: ChangeLog;
  /** Reads a record from the database. `since` is the number of the latest change when the load begins. */
  load(workspaceId: string, name: string, since: number): MaybePromise<V | undefined>;
  /** the ids of everything that the record was built from */
  idsOf(record: V): readonly string[];
  /**
   * roughly the memory that a record takes, without its name and without the parts that it shares with other records
   */
  bytesOf(record: V): number;
  /** the parts that records share, if any */
  shared?: {
    bytes(): number;
    /** Called when a record is evicted, or was loaded but not cached. */
    release(record: V): void;
    clear(): void;
  };
  maxBytes: number;
  /** whether this process knows of all recent changes; if not, no cached record is used */
  isCurrent(): boolean;
};

/** `used`: whether the record was found since the eviction last passed it */
type Entry<V> = Dated & {
  readonly workspaceId: string;
  readonly name: string;
  next: Entry<V> | undefined;
  readonly record: V;
  used: boolean;
};

/** The name of a lookup in progress. It is unambiguous, since workspace ids contain no slash. */
function loadName(workspaceId: string, name: string): string {
  return `${workspaceId}/${name}`;
}

/**
 * Creates a cache that keeps a record until something it depends on changes. If that happens during a lookup, the
 * lookup is repeated, so a revoked record never comes back.
 */
export function recordCache<V extends object>(source: Source<V>): RecordCache<V> {
  const { changes, isCurrent, idsOf } = source;
  const kept = boundedTable(source);
  const loading = new Map<string, Promise<V | undefined>>();
  const uses = { hits: 0, misses: 0 };

  function findKept(workspaceId: string, name: string): V | undefined {
    const entry = kept.find(workspaceId, name);
    if (entry === undefined || !changes.isFresh(entry, idsOf) || !isCurrent()) return undefined;
    uses.hits += 1;
    return entry.record;
  }

  function load(workspaceId: string, name: string): MaybePromise<V | undefined> {
    const since = changes.latest();
    return whenAvailable(source.load(workspaceId, name, since), (record): MaybePromise<V | undefined> => {
      if (record === undefined) return undefined;
      const entry: Entry<V> = {
        workspaceId,
        name,
        next: undefined,
        record,
        since,
        checked: since,
        used: false,
      };
      if (changes.isFresh(entry, idsOf)) {
        kept.keep(entry);
        return record;
      }
      source.shared?.release(record);
      return load(workspaceId, name);
    });
  }

  /**
   * Waits for a lookup in progress. Loads the record again if the lookup did not find it, since it may have been
   * created meanwhile, or if it has changed since.
   */
  async function join(inProgress: Promise<V | undefined>, workspaceId: string, name: string) {
    const found = await inProgress;
    return (found && findKept(workspaceId, name)) ?? load(workspaceId, name);
  }

  function loadOnce(workspaceId: string, name: string): MaybePromise<V | undefined> {
    uses.misses += 1;
    const joined = loadName(workspaceId, name);
    const inProgress = loading.get(joined);
    if (inProgress !== undefined) return join(inProgress, workspaceId, name);
    const started = load(workspaceId, name);
    if (!(started instanceof Promise)) return started;
    loading.set(joined, started);
    const ended = () => void loading.delete(joined);
    started.then(ended, ended);
    return started;
  }

  return {
    find: (workspaceId, name) => findKept(workspaceId, name) ?? loadOnce(workspaceId, name),
    findKept,
    clear: kept.clear,
    uses: () => uses,
    bytes: kept.bytes,
  };
}

/** roughly the memory of an entry without its record: the entry, its name and its place in the table */
const entryBytes = 180;

/**
 * An eviction skips at most this many used entries and then
 * evicts the next, used or not, so that no lookup takes long.
 */
const mostSpared = 64;

/**
 * A table of entries that stays within `maxBytes`. It evicts by the clock algorithm, which approximates least
 * recently used: it walks through the entries and evicts those that were not used since its last visit.
 */
function boundedTable<V>({ bytesOf, shared, maxBytes }: Source<V>) {
  let table = linkedTable<Entry<V>>();
  let ownBytes = 0;

  const sizeOf = (entry: Entry<V>) => entryBytes + bytesOf(entry.record);
  const bytes = () => ownBytes + (shared?.bytes() ?? 0);

  function remove(entry: Entry<V>): void {
    table.remove(entry);
    ownBytes -= sizeOf(entry);
    shared?.release(entry.record);
  }

  function evictOne(): void {
    let spared = 0;
    for (;;) {
      for (let entry = table.some(); entry !== undefined; entry = entry.next) {
        if (!entry.used || spared === mostSpared) {
          remove(entry);
          return;
        }
        entry.used = false;
        spared += 1;
      }
    }
  }

  return {
    bytes,
    find(workspaceId: string, name: string): Entry<V> | undefined {
      const entry = table.find(workspaceId, name);
      if (entry !== undefined) entry.used = true;
      return entry;
    },
    keep(entry: Entry<V>): void {
      const stale = table.find(entry.workspaceId, entry.name);
      if (stale !== undefined) remove(stale);
      table.add(entry);
      ownBytes += sizeOf(entry);
      while (bytes() > maxBytes && table.size > 1) evictOne();
    },
    clear(): void {
      table = linkedTable();
      ownBytes = 0;
      shared?.clear();
    },
  };
}
