import { z } from "zod";
import { decodeCursor } from "../domain/cursor.ts";
import { invalid } from "../errors.ts";
import type { Page } from "../operation.ts";
import { cursor, search } from "./fields.ts";

/**
 * Where the page begins and how many rows to ask for: one more than fit, which tells whether there is another page.
 * Errors: `invalid_input` for a cursor that none of our answers held.
 */
export function pageStart(input: { limit: number; cursor?: string | undefined }): {
  afterId: string | undefined;
  limit: number;
} {
  const { cursor } = input;
  if (cursor === undefined) return { afterId: undefined, limit: input.limit + 1 };
  const afterId = decodeCursor(cursor);
  if (afterId === undefined) {
    throw invalid(
      "body.cursor",
      "is no cursor of this server",
      "send `pagination.cursor` of an answer as it is",
    );
  }
  return { afterId, limit: input.limit + 1 };
}

/** The fields of a list that can be searched. */
export const searchInput = {
  limit: z.int().min(1).max(100).default(100),
  cursor: cursor.optional(),
  search: search.optional(),
};

/** As `pageStart`, with the trimmed search; blank is none. */
export function searchStart(input: {
  limit: number;
  cursor?: string | undefined;
  search?: string | undefined;
}) {
  return { ...pageStart(input), search: input.search?.trim() || undefined };
}

/** The page that the rows of `pageStart` make. */
export function pageOf<R extends { id: string }, T>(
  rows: readonly R[],
  limit: number,
  answer: (row: R) => T,
): Page<T> {
  const items = rows.slice(0, limit);
  return {
    items: items.map(answer),
    nextAfterId: rows.length > limit ? items.at(-1)?.id : undefined,
  };
}
