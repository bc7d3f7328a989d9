/** The maximum number of ids whose changes are remembered. When it is reached, all records count as changed, and all ids are forgotten. */
const changesRemembered = 100_000;

/**
 * How fresh a record is. Changes are numbered. `since` is the latest change when the record's load began, `checked`
 * the latest one that is known not to concern the record.
 */
export type Dated = { readonly since: number; checked: number };

export type ChangeLog = {
  /** the number of the latest change */
  latest(): number;
  /** Notes that the record with this id changed. */
  note(id: string): void;
  /** Notes that any record may have changed. */
  noteAll(): void;
  /**
   * Whether nothing that the record was built from has changed
   * since its load began. Calls `idsOf` only after a change.
   */
  isFresh<R>(entry: Dated & { record: R }, idsOf: (record: R) => readonly string[]): boolean;
};

/** Numbers changes, and remembers the latest change of each id, to find out whether a cached record is outdated. */
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
