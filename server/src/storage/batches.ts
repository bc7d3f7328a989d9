/**
 * Keeps a statement below the limits on parameters: 32,766 on SQLite, 65,535 on PostgreSQL. A row of `keys`, the widest
 * table, has 21 columns.
 */
const batchSize = 500;

/**
 * Runs `work` on at most 500 items at a time, in order, and returns all results. Between two batches, other requests get
 * their share of the event loop.
 */
export async function inBatches<T, R>(
  items: readonly T[],
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += batchSize) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    const batch = items.length <= batchSize ? items : items.slice(start, start + batchSize);
    for (const result of await work(batch)) results.push(result);
  }
  return results;
}

/** Without duplicates, in the order of their UTF-8 bytes, as the databases sort. JavaScript sorts otherwise beyond U+FFFF. */
export function inByteOrder(values: readonly string[]): string[] {
  return [...new Set(values)].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
