/** The most bytes of JSON that a page has, unless its first item alone is larger. */
export const maxPageBytes = 8 * 1024 * 1024;
/** How many items are written as JSON at a time. To write each by itself takes longer. */
const itemsOfPart = 10;

/** A page of a list. `json` has the items as JSON. */
export type JsonPage<T> = { items: T[]; json: string; nextAfterId?: string };

/**
 * Returns the page of these rows. There is one row more than the page may have if another page follows (see
 * `pageStart`). The page ends early if it would exceed `maxPageBytes`. `readUntilId`: if reading the rows ended early,
 * the id after which the next page begins.
 */
export function pageOf<R extends { id: string }, T>(
  rows: readonly R[],
  limit: number,
  toItem: (row: R) => T,
  readUntilId?: string,
): JsonPage<T> {
  const most = rows.slice(0, limit).map(toItem);
  const { parts, count } = filled(most);
  const page = { items: most.slice(0, count), json: `[${parts.join(",")}]` };
  const nextAfterId = count < rows.length ? rows[count - 1]?.id : readUntilId;
  return nextAfterId === undefined ? page : { ...page, nextAfterId };
}

/** The JSON of the first `count` items of a page, in parts without brackets. */
type Filled = { parts: string[]; bytes: number; count: number };

/** Fills a page with items until it is full. If a part does not fit, its items are written again, one at a time. */
function filled(
  items: readonly unknown[],
  ofPart = itemsOfPart,
  page: Filled = { parts: [], bytes: 0, count: 0 },
): Filled {
  for (let start = 0; start < items.length; start += ofPart) {
    const some = items.slice(start, start + ofPart);
    const part = JSON.stringify(some).slice(1, -1);
    const bytes = page.bytes + Buffer.byteLength(part);
    if (bytes > maxPageBytes && ofPart > 1) return filled(some, 1, page);
    if (bytes > maxPageBytes && page.count > 0) return page;
    page.parts.push(part);
    page.bytes = bytes;
    page.count += some.length;
  }
  return page;
}
