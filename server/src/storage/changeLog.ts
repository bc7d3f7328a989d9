/** After more changes than this, every record counts as changed. */
const changesRemembered = 100_000;

/** Whether a record is up to date. `since`: the latest change when its load began. `checked`: the latest change for which it is known to be fresh. */
export type Dated = { readonly since: number; checked: number };

export type ChangeLog = {
  latest(): number;
  /** Notes that the thing with this id changed. */
  note(id: string): void;
  noteAll(): void;
  /** Whether nothing that the record was built from has changed since. Asks for the ids only after a change. */
  isFresh<R>(entry: Dated & { record: R }, idsOf: (record: R) => readonly string[]): boolean;
};

/** Numbers the changes, to find out which of them came after a record's load began. */
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
