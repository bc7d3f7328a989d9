import { nextTurn } from "../domain/nextTurn.ts";

/**
 * The number of rows in one statement. The widest table, `keys`, has 23 columns, so a statement has at most 11,500
 * parameters. SQLite allows 32,766 parameters, PostgreSQL 65,535.
 */
const batchSize = 500;

/**
 * Runs `work` on batches of at most 500 items, one after the other, and returns all results in order. Yields to the
 * event loop between two batches, so that other requests do not wait until all batches are done.
 */
export async function inBatches<T, R>(
  items: readonly T[],
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += batchSize) {
    if (start > 0) await nextTurn();
    const batch = items.length <= batchSize ? items : items.slice(start, start + batchSize);
    for (const result of await work(batch)) results.push(result);
  }
  return results;
}

/**
 * Sorts the values by their UTF-8 bytes, as the databases do, and removes duplicates. JavaScript's own order is by
 * UTF-16 units, which differs for characters beyond U+FFFF.
 */
export function inByteOrder(values: readonly string[]): string[] {
  return [...new Set(values)].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
