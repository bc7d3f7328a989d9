import type { ChangeLog, Dated } from "./changeLog.ts";
import { linkedTable } from "./linkedTable.ts";

/** Records that several cached records refer to, each kept once, for as long as one of those is cached. */
export type SharedRecords<V> = {
  /** The record, if it is kept and nothing that it was built from has changed. */
  find(workspaceId: string, name: string): V | undefined;
  /**
   * Registers one more cached record that uses this shared record. Returns the object to use: the one in the cache if it
   * is fresh. Otherwise `record`, which replaces it.
   * `since` is the latest change when the record's load began.
   */
  hold(workspaceId: string, name: string, record: V, since: number): V;
  release(workspaceId: string, name: string, record: V): void;
  /** in memory */
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
      if (kept !== undefined) remove(kept); // everything that refers to it is stale too
      table.add({ workspaceId, name, next: undefined, record, since, checked: since, uses: 1 });
      bytes += bytesOf(record);
      return record;
    },
    release(workspaceId, name, record) {
      const entry = table.find(workspaceId, name);
      if (entry?.record !== record) return; // a newer one has replaced it
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
