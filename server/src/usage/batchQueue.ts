import type { UsageDatabase, UsageSql } from "../storage/engines/usage.ts";
import { addMinutes, type CountRow, setLastUses, type UseRow } from "./countStore.ts";
import { deletePending, writePending } from "./pending.ts";

/** rows of one transaction: few enough that a query to the usage thread hardly waits for them */
export const rowsPerBatch = 5_000;

/** Rows that are saved in one transaction. `id` is that of the same counts in the pending rows. */
type Batch = { id: number; rows: readonly CountRow[]; uses: readonly UseRow[] };

/**
 * Saves the rows of a cut in batches. Before the first of several, it writes all as pending, and with each batch deletes its
 * counts there. So a server that is killed in between has each count once. `uncut` returns what was counted since the cut.
 * Rows that were saved go to `saved`.
 */
export function batchQueue(uncut: () => CountRow[], saved: (rows: readonly CountRow[]) => void) {
  let batches: Batch[] = [];
  /** whether the pending rows are those from before the cut */
  let isUnwritten = false;
  let dropped = 0;

  /** Makes the pending rows those that are not saved once the batch is. */
  async function settle(sql: UsageSql, { id }: Batch, { isOwn }: UsageDatabase): Promise<void> {
    if (!isOwn) return;
    if (isUnwritten) await writePending(sql, [{ id: 0, rows: uncut() }]);
    else await deletePending(sql, id);
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
    /** whether a cut has rows that are not saved yet */
    isHalfway: () => batches.length > 0,
    size: () => batches.reduce((sum, { rows, uses }) => sum + rows.length + uses.length, 0),
    dropped: () => dropped,
    writePending: (database: UsageDatabase) =>
      database.transaction((tx) => writePending(tx, [{ id: 0, rows: uncut() }])),
    /** Errors: those of the database. The batch then waits for the next call. */
    async saveBatch(database: UsageDatabase): Promise<void> {
      const [batch] = batches;
      if (batch === undefined) return;
      if (database.isOwn && isUnwritten && batches.length > 1) await writeAll(database);
      try {
        await database.transaction(async (tx) => {
          await addMinutes(tx, batch.rows);
          await setLastUses(tx, batch.uses);
          await settle(tx, batch, database);
        });
        saved(batch.rows);
      } catch (error) {
        if (!database.isOfOneRow(error)) throw error;
        dropped += batch.rows.length;
        await settle(database, batch, database);
      }
      batches = batches.slice(1);
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
