import type { ChangeLog, Dated } from "./changeLog.ts";
import { linkedTable } from "./linkedTable.ts";

/**
 * Records that several cached records share, such as the api of many keys. The cached records are the users of a shared
 * record. A shared record is kept once, as long as it has a user.
 */
export type SharedRecords<V> = {
  /** Returns the record if it is kept and nothing that it was built from has changed. */
  find(workspaceId: string, name: string): V | undefined;
  /**
   * Registers one more user of a shared record, and returns the object that the user must refer to. If a record with
   * this name is kept and nothing that it was built from has changed, that is the kept record. Otherwise `record` is
   * kept and returned. `since` is the number of the latest change at the time when the load of `record` began.
   */
  hold(workspaceId: string, name: string, record: V, since: number): V;
  /** Removes one user of a shared record. When the last user is removed, the record is no longer kept. */
  release(workspaceId: string, name: string, record: V): void;
  /** the memory that the records take, in bytes */
  bytes(): number;
  clear(): void;
};

type Source<V> = {
  changes: ChangeLog;
  isCurrent(): boolean;
  /** the ids of everything that the record was built from */
  idsOf(record: V): readonly string[];
  bytesOf(record: V): number;
};

type Entry<V> = Dated & {
  readonly workspaceId: string;
  readonly name: string;
  next: Entry<V> | undefined;
  readonly record: V;
  uses: number;
};

export function sharedRecords<V extends object>(source: Source<V>): SharedRecords<V> {
  const { changes, isCurrent, idsOf, bytesOf } = source;
  let table = linkedTable<Entry<V>>();
  let bytes = 0;

  function remove(entry: Entry<V>): void {
    table.remove(entry);
    bytes -= bytesOf(entry.record);
  }

  function isFresh(entry: Entry<V>): boolean {
    return isCurrent() && changes.isFresh(entry, idsOf);
  }

  return {
    find(workspaceId, name) {
      const entry = table.find(workspaceId, name);
      return entry !== undefined && isFresh(entry) ? entry.record : undefined;
    },
    hold(workspaceId, name, record, since) {
      const kept = table.find(workspaceId, name);
      if (kept !== undefined && isFresh(kept)) {
        kept.uses += 1;
        return kept.record;
      }
      if (kept !== undefined) remove(kept); // the kept record is outdated, and so are the cached records that use it
      table.add({ workspaceId, name, next: undefined, record, since, checked: since, uses: 1 });
      bytes += bytesOf(record);
      return record;
    },
    release(workspaceId, name, record) {
      const entry = table.find(workspaceId, name);
      if (entry?.record !== record) return; // a newer record has replaced this one
      entry.uses -= 1;
      if (entry.uses === 0) remove(entry);
    },
    bytes: () => bytes,
    clear() {
      table = linkedTable();
      bytes = 0;
    },
  };
}
