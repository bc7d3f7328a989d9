/** The most bytes of JSON that a page has, unless its first item alone is larger. */
export const maxPageBytes = 8 * 1024 * 1024;
/** A character of a JavaScript string has at most so many bytes in UTF-8. */
const mostBytesOfCharacter = 3;

type CutPage<T> = { items: T[]; nextAfterId?: string };

/** A page of a list. `json` has the items as JSON. */
export type JsonPage<T> = CutPage<T> & { json: string };

/**
 * The page of these rows, which were read as `pageStart` says: one more than the page may have, to know whether another follows. It ends early rather than exceed `maxPageBytes`.
 * `readUntilId` is where reading ended early, if it did: the next page begins there.
 */
export function pageOf<R extends { id: string }, T>(
  rows: readonly R[],
  limit: number,
  toItem: (row: R) => T,
  readUntilId?: string,
): JsonPage<T> {
  const most = rows.slice(0, limit).map(toItem);
  const whole = JSON.stringify(most);
  if (whole.length * mostBytesOfCharacter <= maxPageBytes) {
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
