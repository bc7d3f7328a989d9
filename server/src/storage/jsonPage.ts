/** The most bytes of JSON that a page has, unless its first item alone is larger. */
export const maxPageBytes = 8 * 1024 * 1024;
/** How many items are written as JSON at a time: if they do not fit on a page, the rest is not written in vain. */
const itemsOfPart = 10;

type CutPage<T> = { items: T[]; nextAfterId?: string };

/** A page of a list. `json` has the items as JSON. */
export type JsonPage<T> = CutPage<T> & { json: string };

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
  const whole = jsonIfFitting(most);
  if (whole !== undefined) {
    const nextAfterId = rows.length > limit ? rows[limit - 1]?.id : readUntilId;
    return nextAfterId === undefined
      ? { items: most, json: whole }
      : { items: most, json: whole, nextAfterId };
  }
  const texts: string[] = [];
  const page = cutPage(
    rows,
    limit,
    (row) => {
      const item = toItem(row);
      const json = JSON.stringify(item);
      texts.push(json);
      return { item, bytes: Buffer.byteLength(json) };
    },
    readUntilId,
  );
  return { ...page, json: `[${texts.slice(0, page.items.length).join(",")}]` };
}

/** Returns the items as JSON, or undefined if they do not fit on a page. */
function jsonIfFitting(items: readonly unknown[]): string | undefined {
  const parts: string[] = [];
  let bytes = 0;
  for (let start = 0; start < items.length; start += itemsOfPart) {
    const part = JSON.stringify(items.slice(start, start + itemsOfPart));
    bytes += Buffer.byteLength(part);
    if (bytes > maxPageBytes) return undefined;
    parts.push(part.slice(1, -1)); // without its brackets
  }
  return `[${parts.join(",")}]`;
}

/** An item, and how many bytes its JSON has. */
export type SizedItem<T> = { item: T; bytes: number };

export function cutPage<R extends { id: string }, T>(
  rows: readonly R[],
  limit: number,
  sizedOf: (row: R) => SizedItem<T>,
  readUntilId?: string,
): CutPage<T> {
  const items: T[] = [];
  let pageBytes = 0;
  let nextAfterId = readUntilId;
  for (const [index, row] of rows.entries()) {
    const { item, bytes } = sizedOf(row);
    pageBytes += bytes;
    if (index === limit || (pageBytes > maxPageBytes && index > 0)) {
      nextAfterId = rows[index - 1]?.id;
      break;
    }
    items.push(item);
  }
  return nextAfterId === undefined ? { items } : { items, nextAfterId };
}
