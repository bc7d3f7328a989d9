import { z } from "zod";
import { decodeCursor, decodePosition, type Position } from "../../domain/cursor.ts";
import { type Failure, invalid } from "../../errors/failure.ts";
import type { Page } from "../../operation.ts";
import { maxPageBytes } from "../../storage/jsonPage.ts";
import { text } from "./values.ts";

export const cursor = text(0, 1024).describe(
  "Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page.",
);

/** How many items a page may have. */
export const pageLimit = z.int().min(1).max(100).describe("The highest number of items to return.");

const search = text(0, 256)
  .describe(
    "Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search.",
  )
  .meta({ private: true });

/**
 * Where the page begins, and how many rows to read: one more than the page holds, to know whether another page follows.
 * Errors: `invalid_input` for a cursor that this server never returned.
 */
export function pageStart(input: { limit: number; cursor?: string | undefined }): {
  afterId: string | undefined;
  limit: number;
} {
  const { cursor } = input;
  if (cursor === undefined) return { afterId: undefined, limit: input.limit + 1 };
  const afterId = decodeCursor(cursor);
  if (afterId === undefined) throw notACursor();
  return { afterId, limit: input.limit + 1 };
}

export function notACursor(): Failure {
  return invalid(
    "body.cursor",
    "is not a cursor of this server",
    "send `pagination.cursor` of a response unchanged",
  );
}

/**
 * Where the page begins, in a list that a request can order by one of several fields.
 * Errors: `invalid_input` for a cursor that this server never returned, or that belongs to another order.
 */
export function orderedStart(cursor: string | undefined, by: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const position = decodePosition(cursor);
  if (position === undefined) throw notACursor();
  if (position.by === by) return position;
  throw invalid(
    "body.cursor",
    "belongs to a list in another order",
    "send the cursor with the same `orderBy` as the request that returned it",
  );
}

export const order = z
  .enum(["asc", "desc"])
  .default("asc")
  .describe("`asc` lists the oldest first, `desc` the newest.");

/** The input of a list that can be searched. */
export const searchInput = {
  limit: pageLimit.default(100),
  cursor: cursor.optional(),
  search: search.optional(),
};

/** Like `pageStart`, with the search text trimmed. Blank text means no search. */
export function searchStart(input: {
  limit: number;
  cursor?: string | undefined;
  search?: string | undefined;
}) {
  return { ...pageStart(input), search: input.search?.trim() || undefined };
}

/**
 * The most bytes that are loaded at a time, unless one item alone is larger. It limits how much memory a page needs.
 */
const maxLoadedBytes = 2 * 1024 * 1024;

type Loading<H, T> = {
  /** roughly, the size of the item that a row becomes */
  bytesOf(row: H): number;
  /** the items of these rows, in the same order */
  load(rows: readonly H[]): Promise<T[]>;
};

/**
 * Like `pageOf`, for rows that become large items. Loads at most `maxLoadedBytes` at a time, estimated by `bytesOf`,
 * until the page is full. Measures each item by its JSON, but does not keep the JSON, because that would take memory,
 * too.
 */
export async function loadedPage<H extends { id: string }, T>(
  rows: readonly H[],
  limit: number,
  { bytesOf, load }: Loading<H, T>,
): Promise<Page<T> & { items: T[] }> {
  const items: T[] = [];
  let pageBytes = 0;
  while (items.length < Math.min(rows.length, limit) && pageBytes <= maxPageBytes) {
    for (const item of await load(firstFitting(rows.slice(items.length, limit), bytesOf))) {
      pageBytes += Buffer.byteLength(JSON.stringify(item));
      if (pageBytes <= maxPageBytes || items.length === 0) items.push(item);
    }
  }
  return { items, nextAfterId: items.length < rows.length ? rows[items.length - 1]?.id : undefined };
}

/** The first rows that together fit into `maxLoadedBytes`; one row if even that is larger. */
function firstFitting<H>(heads: readonly H[], bytesOf: (head: H) => number): readonly H[] {
  let bytes = 0;
  const tooMany = heads.findIndex((head, index) => {
    bytes += bytesOf(head);
    return bytes > maxLoadedBytes && index > 0;
  });
  return tooMany === -1 ? heads : heads.slice(0, tooMany);
}
