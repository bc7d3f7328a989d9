import type { PlainSql, UsageDatabase } from "../storage/engines/usage.ts";
import { addMinutes, type CountRow, setLastUses, type UseRow } from "./countStore.ts";
import { deletePending, writePending } from "./pending.ts";

/**
 * The maximum number of counts, and of last uses, that one transaction saves. It is small enough that queries to the
 * usage thread hardly have to wait.
 */
export const rowsPerBatch = 5_000;

/**
 * Counts and last uses that are saved in one transaction. If there is a copy of the counts in `usagePending`, `id` is
 * the id of its row.
 */
type Batch = { id: number; rows: readonly CountRow[]; uses: readonly UseRow[] };

/**
 * Saves the rows of a cut (counts that `countSaver` has taken from memory) in batches. If there are several batches and
 * only this server writes to the database, it first copies all counts to `usagePending`. The transaction that saves a
 * batch also deletes the batch's copy. So if the server is killed in between, no count is lost or saved twice.
 *
 * `uncut` returns the counts that were added in memory after the cut. `saved` is called with the rows of each batch
 * that was saved.
 */
export function batchQueue(uncut: () => CountRow[], saved: (rows: readonly CountRow[]) => void) {
  let batches: Batch[] = [];
  /** whether `usagePending` still has the copy from before the latest cut, and not yet the batches of that cut */
  let isUnwritten = false;
  let dropped = 0;

  /** Deletes the counts of a batch from `usagePending`: the batch's copy, or the older copy that is still there. */
  async function deleteCopy(sql: PlainSql, { id }: Batch, { isOnlyWriter }: UsageDatabase): Promise<void> {
    if (!isOnlyWriter) return;
    if (isUnwritten) await writePending(sql, [{ id: 0, rows: uncut() }]);
    else await deletePending(sql, id);
  }

  /** Stores a batch. Returns false if the database rejected one of its rows. The batch then counts as dropped. */
  async function store(database: UsageDatabase, batch: Batch): Promise<boolean> {
    try {
      await database.transaction(async (tx) => {
        await addMinutes(tx, batch.rows);
        await setLastUses(tx, batch.uses);
        await deleteCopy(tx, batch, database);
      });
      return true;
    } catch (error) {
      if (!database.isRowRejection(error)) throw error;
      dropped += batch.rows.length;
      await deleteCopy(database, batch, database);
      return false;
    }
  }

  async function writeAll(database: UsageDatabase): Promise<void> {
    await database.transaction((tx) => writePending(tx, [...batches, { id: batches.length, rows: uncut() }]));
    isUnwritten = false;
  }

  return {
    fill(rows: readonly CountRow[], uses: readonly UseRow[]): void {
      batches = batchesOf(rows, uses);
      isUnwritten = true;
    },
    /** whether some batches of the latest cut are not saved yet */
    isHalfway: () => batches.length > 0,
    size: () => batches.reduce((sum, { rows, uses }) => sum + rows.length + uses.length, 0),
    dropped: () => dropped,
    writePending: (database: UsageDatabase) =>
      database.transaction((tx) => writePending(tx, [{ id: 0, rows: uncut() }])),
    /**
     * Saves the next batch. Errors: those of the database; the batch then stays in the queue for the next call. Also
     * throws what `saved` throws; the batch is then stored, and has left the queue.
     */
    async saveBatch(database: UsageDatabase): Promise<void> {
      const [batch] = batches;
      if (batch === undefined) return;
      if (database.isOnlyWriter && isUnwritten && batches.length > 1) await writeAll(database);
      const isStored = await store(database, batch);
      batches = batches.slice(1);
      if (isStored) saved(batch.rows);
    },
  };
}

function batchesOf(rows: readonly CountRow[], uses: readonly UseRow[]): Batch[] {
  const count = Math.ceil(Math.max(rows.length, uses.length) / rowsPerBatch);
  return Array.from({ length: count }, (_, id) => {
    const part = [id * rowsPerBatch, (id + 1) * rowsPerBatch] as const;
    return { id, rows: rows.slice(...part), uses: uses.slice(...part) };
  });
}
