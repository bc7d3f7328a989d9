/** The maximum size of a page's JSON, in bytes. Only a page with a single item may be larger. */
export const maxPageBytes = 8 * 1024 * 1024;
/** How many items are serialized at a time. Serializing each item by itself takes longer. */
const itemsPerChunk = 10;

/** A page of a list. `json` is the items as a JSON array. `nextAfterId` is set if another page may follow. */
export type JsonPage<T> = { items: T[]; json: string; nextAfterId?: string };

/**
 * Returns the page that begins with the first of these rows. The caller has read `limit` + 1 rows if the list has that
 * many, so an additional row shows that another page follows. The page has fewer than `limit` items if more would
 * exceed `maxPageBytes`. `readUntilId` is set if a search stopped reading before the end of the list; the next page
 * then begins after this id.
 */
export function pageOf<R extends { id: string }, T>(
  rows: readonly R[],
  limit: number,
  toItem: (row: R) => T,
  readUntilId?: string,
): JsonPage<T> {
  const most = rows.slice(0, limit).map(toItem);
  const { chunks, count } = filled(most);
  const page = { items: most.slice(0, count), json: `[${chunks.join(",")}]` };
  const nextAfterId = count < rows.length ? rows[count - 1]?.id : readUntilId;
  return nextAfterId === undefined ? page : { ...page, nextAfterId };
}

/** The JSON of the first `count` items of a page. A chunk is the JSON of a few items, without brackets. */
type Filled = { chunks: string[]; bytes: number; count: number };

/** Fills a page with items until it is full. If a chunk does not fit, serializes its items again, one at a time. */
function filled(
  items: readonly unknown[],
  perChunk = itemsPerChunk,
  page: Filled = { chunks: [], bytes: 0, count: 0 },
): Filled {
  for (let start = 0; start < items.length; start += perChunk) {
    const some = items.slice(start, start + perChunk);
    const chunk = JSON.stringify(some).slice(1, -1);
    const bytes = page.bytes + Buffer.byteLength(chunk);
    if (bytes > maxPageBytes && perChunk > 1) return filled(some, 1, page);
    if (bytes > maxPageBytes && page.count > 0) return page;
    page.chunks.push(chunk);
    page.bytes = bytes;
    page.count += some.length;
  }
  return page;
}
