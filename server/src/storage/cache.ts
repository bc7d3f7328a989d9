import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { ChangeLog, Dated } from "./changeLog.ts";
import { linkedTable } from "./linkedTable.ts";

/**
 * A cache in front of the database. It loads a record at its first look-up, and keeps the record until something that
 * the record depends on changes.
 */
export type RecordCache<V> = {
  /**
   * Returns the record, or `undefined` if the database does not have it. The cache does not remember missing records.
   * Returns synchronously if the record is cached, or if `load` returns it synchronously. Look-ups of the same record
   * at the same time share one query.
   */
  find(workspaceId: string, name: string): MaybePromise<V | undefined>;
  /** Returns the record if it is cached, otherwise `undefined`. Never queries the database. */
  findKept(workspaceId: string, name: string): V | undefined;
  clear(): void;
  /** `hits`: how often `find` and `findKept` found a cached record. `misses`: how often `find` did not. */
  uses(): { hits: number; misses: number };
  /**
   * Returns the memory that the cache takes, in bytes, including what its records share, such as the api of many keys.
   */
  bytes(): number;
};

type Source<V> = {
  /** the log of changes, which tells whether a cached record is outdated */
  changes: ChangeLog;
  /** Reads a record from the database. `since` is the number that `changes.latest()` returned just before. */
  load(workspaceId: string, name: string, since: number): MaybePromise<V | undefined>;
  /** Returns the ids of everything that the record was built from. */
  idsOf(record: V): readonly string[];
  /**
   * Returns roughly the memory that a record takes, in bytes, without its name and without what it shares with other
   * records.
   */
  bytesOf(record: V): number;
  /** the objects that several records share, such as the api of many keys; omitted if the records share nothing */
  shared?: {
    bytes(): number;
    /**
     * Tells that a record no longer uses the shared objects. The cache calls this when it evicts a record, and when it
     * has loaded a record but does not keep it.
     */
    release(record: V): void;
    clear(): void;
  };
  maxBytes: number;
  /** Returns whether this process knows of all recent changes by other processes. If not, no cached record is used. */
  isCurrent(): boolean;
};

/** A cached record. `used`: whether a look-up has found the record since an eviction last skipped it. */
type Entry<V> = Dated & {
  readonly workspaceId: string;
  readonly name: string;
  next: Entry<V> | undefined;
  readonly record: V;
  used: boolean;
};

/** Returns the key of a record in the Map `loading`. Workspace ids have no slash, so no two records share a key. */
function loadingKey(workspaceId: string, name: string): string {
  return `${workspaceId}/${name}`;
}

/**
 * Creates a cache that keeps a record until something that the record depends on changes. If such a change happens
 * while the record is being loaded, the cache loads the record again. So it never keeps the state from before a
 * revocation.
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
   * Waits for a look-up that another call has begun. That look-up may have read the database before the record was
   * created or changed. So if it found nothing or an outdated record, loads the record again.
   */
  async function join(inProgress: Promise<V | undefined>, workspaceId: string, name: string) {
    const found = await inProgress;
    return (found && findKept(workspaceId, name)) ?? load(workspaceId, name);
  }

  function loadOnce(workspaceId: string, name: string): MaybePromise<V | undefined> {
    uses.misses += 1;
    const key = loadingKey(workspaceId, name);
    const inProgress = loading.get(key);
    if (inProgress !== undefined) return join(inProgress, workspaceId, name);
    const started = load(workspaceId, name);
    if (!(started instanceof Promise)) return started;
    loading.set(key, started);
    const ended = () => void loading.delete(key);
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

/** roughly the memory of an entry, its name and its place in the table, in bytes, without the record */
const entryBytes = 180;

/**
 * The maximum number of used entries that an eviction skips. After these, it evicts the next entry even if that entry
 * was used, because the look-up that needs the memory must not wait long.
 */
const mostSpared = 64;

/**
 * A table of entries that stays within `maxBytes`. It evicts by the clock algorithm, an approximation of "least
 * recently used": an eviction visits the entries in a circle, and evicts the first entry that was not used after the
 * last visit.
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
      for (let entry = table.nextBucket(); entry !== undefined; entry = entry.next) {
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
