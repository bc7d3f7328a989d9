import { type SelectQueryBuilder, sql } from "kysely";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema } from "../schema.ts";
import { contains, patternOf } from "./search.ts";
import { direction, rowBudget, type Walk, type Walked, within } from "./walk.ts";

export type SearchFilter = Walk & {
  /** only rows with this literal text in one of the searched columns; case-insensitive for ASCII letters */
  search: string | undefined;
  /** only rows with these ids; undefined: all rows */
  onlyIds?: readonly string[] | undefined;
};

type Start = { workspaceId: string; afterId: string | undefined; descending: boolean };

type Page = Start & {
  /** the id of the last row that may be read; if undefined, the list may be read to its end */
  untilId: string | undefined;
  limit: number;
  pattern: string | undefined;
  onlyIds: readonly string[] | undefined;
};

/**
 * Defines how a page of a list is read. The list has its rows in the order of their ids, which is the order of their
 * creation. A search looks for a text in the columns `searched`, and reads at most `rowBudget` rows.
 */
export function searchedList<T extends keyof Schema, R>(
  rowsOf: (db: Db, workspaceId: string) => SelectQueryBuilder<Schema, T, R>,
  searched: readonly string[],
): (db: Db, workspaceId: string, filter: SearchFilter) => Promise<Walked<R>> {
  const id = sql.ref<string>("id");

  /**
   * Selects the id of the last row that a search may read. A search may read `rowBudget` rows. If the list has fewer,
   * selects nothing.
   */
  const selectLastOfBudget = prepared((db, { workspaceId, ...walk }: Start) =>
    rowsOf(db, workspaceId)
      .clearSelect()
      .select(id.as("id"))
      .where(within("id", walk))
      .orderBy(id, direction(walk))
      .limit(1)
      .offset(rowBudget - 1)
      .compile(),
  );

  const selectPage = prepared((db, { workspaceId, untilId, limit, pattern, onlyIds, ...walk }: Page) => {
    let query = rowsOf(db, workspaceId)
      .where(within("id", walk, untilId))
      .orderBy(id, direction(walk))
      .limit(limit);
    if (onlyIds !== undefined) query = query.where(isIn("id", onlyIds));
    if (pattern !== undefined)
      query = query.where((eb) => eb.or(searched.map((column) => contains(column, pattern))));
    return query.compile();
  });

  return async (db, workspaceId, { afterId, limit, descending = false, search, onlyIds }) => {
    const pattern = patternOf(search);
    const start = { workspaceId, afterId, descending };
    const isBounded = pattern !== undefined && onlyIds === undefined;
    const untilId = isBounded ? (await selectLastOfBudget(db, start))[0]?.id : undefined;
    const rows = await selectPage(db, { ...start, untilId, limit, pattern, onlyIds });
    return { rows, readUntilId: rows.length < limit ? untilId : undefined };
  };
}
