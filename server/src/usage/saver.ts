import { periodMs, subjectKinds } from "../domain/usage.ts";
import type { UsageDatabase } from "../storage/engines/usage.ts";
import { batchQueue, rowsPerBatch } from "./batchQueue.ts";
import { type CountRow, compareRows, type UseRow } from "./countStore.ts";
import { numbering } from "./numbering.ts";
import { cellsOf, type Subject, takeCells, type tally } from "./tally.ts";

/** The maximum number of rows that one call of `save` saves. Further rows wait for the next call. */
const rowsPerFlush = 25_000;
/** If this many counts wait in memory, they are saved at once. Fewer counts may wait for the next minute. */
const mostPending = 250_000;
/**
 * Last uses are stored at most this often, less often than counts, because storing a key's last use takes as long as
 * storing its counts.
 */
const usesEveryMs = 50_000;
/** If more last uses than this are in memory, they are stored sooner, with the next counts. */
const maxUses = 200_000;

type Tally = ReturnType<typeof tally>;
type Saved = (rows: readonly CountRow[]) => void;
type IsWanted = (subject: Subject) => boolean;

/**
 * Saves counts. A cut takes all counts from memory and turns them into rows. The rows are then saved in batches. If
 * there are many counts and only this server writes to the database, it cuts them only once a minute; between two cuts,
 * it copies them to `usagePending`. `saved` is called with the rows of each batch that was saved.
 */
export function countSaver(counted: Tally, saved: Saved = () => undefined) {
  const { cut, learn, latest, numbers, cutRows } = cutter(counted, saved);
  const { isHalfway, saveBatch } = cutRows;
  let cutMinute = 0;

  /**
   * Whether the counts are only copied to `usagePending` for now. Adding a count to its row takes ten times as long as
   * copying it, and most counts will change again within the minute.
   */
  function canWait({ isOnlyWriter }: UsageDatabase, nowMs: number): boolean {
    const size = counted.size();
    return isOnlyWriter && size > rowsPerBatch && size < mostPending && minuteOf(nowMs) === cutMinute;
  }

  return {
    dropped: () => cutRows.dropped() + counted.dropped(),
    /** the number of counts and last uses that are not stored yet */
    size: () => counted.size() + cutRows.size() + latest.size(),
    isHalfway,
    /** whether to save now: too many counts wait, or many wait and a new minute, with its own counts, has begun */
    isFull: (nowMs: number) =>
      counted.size() >= mostPending || (counted.size() > rowsPerBatch && minuteOf(nowMs) !== cutMinute),
    /** Forgets the numbers of all names, because the next connection may be to another database. */
    forgetNumbers(): void {
      counted.forgetNumbers();
      numbers.forget();
    },
    /**
     * Saves the rows of the last cut, then the counts that were added later. Stops after `rowsPerFlush` rows, so that
     * other work is not delayed. If the counts can wait (`canWait`), only copies them to `usagePending`. Errors: those
     * of the database. Counts that were not saved wait for the next call.
     */
    async save(database: UsageDatabase, nowMs: number): Promise<void> {
      if (!isHalfway() && canWait(database, nowMs)) {
        await learn(database, nowMs, anySubject);
        await cutRows.writePending(database);
        return;
      }
      for (let saved = 0; saved < rowsPerFlush; saved += rowsPerBatch) {
        if (!isHalfway()) {
          await cut(database, nowMs, anySubject);
          cutMinute = minuteOf(nowMs);
        }
        if (!isHalfway()) return;
        await saveBatch(database);
      }
    },
    /** Saves all counts and last uses. Errors: as for `save`. */
    async saveAll(database: UsageDatabase, nowMs: number): Promise<void> {
      while (isHalfway()) await saveBatch(database);
      await cut(database, nowMs, anySubject, true);
      while (isHalfway()) await saveBatch(database);
    },
    /** Saves a batch of counts of the wanted subjects, unless rows of an earlier cut wait. Errors: as for `save`. */
    async saveOnly(database: UsageDatabase, nowMs: number, isWanted: IsWanted): Promise<void> {
      if (isHalfway()) return;
      await cut(database, nowMs, isWanted);
      if (isHalfway()) await saveBatch(database);
    },
  };
}

/** Turns counts in memory into rows. */
function cutter(counted: Tally, saved: Saved) {
  const numbers = numbering();
  const latest = latestUses();
  const cutRows = batchQueue(() => numbers.rowsOf(counted.waiting(), cellsOf), saved);

  const learn = (database: UsageDatabase, nowMs: number, isWanted: IsWanted) =>
    numbers.learn(database, counted.waiting().filter(isWanted), dayOf(nowMs));

  /**
   * Cuts the counts of the wanted subjects. Also cuts the last uses, if `withUses` is set or if they are due. Errors:
   * those of the database; the counts then stay in memory.
   */
  async function cut(
    database: UsageDatabase,
    nowMs: number,
    isWanted: IsWanted,
    withUses = false,
  ): Promise<void> {
    await learn(database, nowMs, isWanted);
    const subjects = counted.take(isWanted);
    latest.add(subjects);
    const rows = numbers.rowsOf(subjects, takeCells).sort(compareRows);
    cutRows.fill(rows, latest.take(nowMs, withUses));
  }

  return { cut, learn, latest, numbers, cutRows };
}

const anySubject = (_: Subject): boolean => true;
const dayOf = (ms: number) => Math.floor(ms / periodMs.day);
const minuteOf = (ms: number) => Math.floor(ms / periodMs.minute);

/** Collects the time of each key's last verification. */
function latestUses() {
  let latest = new Map<string, UseRow>();
  let takenMs = 0;
  return {
    add(subjects: readonly Subject[]): void {
      for (const { kind, workspaceId, name, lastMs } of subjects) {
        if (kind === subjectKinds.key && lastMs > 0) latest.set(name, [workspaceId, name, lastMs]);
      }
    },
    size: () => latest.size,
    /**
     * Takes the last uses if they are `wanted`, if they were not taken for `usesEveryMs`, or if there are too many to
     * keep in memory. Otherwise returns an empty list.
     */
    take(nowMs: number, wanted: boolean): UseRow[] {
      const isTooEarly = Math.abs(nowMs - takenMs) < usesEveryMs;
      if (!wanted && isTooEarly && latest.size <= maxUses) return [];
      takenMs = nowMs;
      const taken = [...latest.values()].sort(([, one], [, other]) => (one < other ? -1 : 1));
      latest = new Map();
      return taken;
    },
  };
}
