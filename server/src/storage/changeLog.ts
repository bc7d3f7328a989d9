/**
 * The maximum number of ids whose changes the log remembers. When it has this many, it forgets all of them, and all
 * cached records count as outdated.
 */
const changesRemembered = 100_000;

/**
 * Two numbers that tell how fresh a cached record is. This process numbers all changes that it makes or learns of.
 * `since` is the number of the latest change at the time when the record's load began. The changes from `since` to
 * `checked` were checked: none of them concerns the record.
 */
export type Dated = { readonly since: number; checked: number };

export type ChangeLog = {
  /** the number of the latest change */
  latest(): number;
  /** Notes that the record with this id has changed. */
  note(id: string): void;
  /** Notes that any record may have changed. */
  noteAll(): void;
  /**
   * Returns whether everything that the record was built from is unchanged since the record's load began. `idsOf`
   * returns the ids of everything that the record was built from. It is called only if there were changes since the
   * last check.
   */
  isFresh<R>(entry: Dated & { record: R }, idsOf: (record: R) => readonly string[]): boolean;
};

/**
 * Creates a log of changes in memory. It remembers the number of the latest change of each id, and tells which cached
 * records are outdated.
 */
export function changeLog(): ChangeLog {
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
    note(id) {
      if (changedAt.size >= changesRemembered) noteAll();
      latest += 1;
      changedAt.set(id, latest);
    },
    noteAll,
    isFresh(entry, idsOf) {
      if (entry.checked === latest) return true;
      if (entry.since < allAt) return false;
      if (idsOf(entry.record).some((id) => (changedAt.get(id) ?? 0) > entry.since)) return false;
      entry.checked = latest;
      return true;
    },
  };
}
