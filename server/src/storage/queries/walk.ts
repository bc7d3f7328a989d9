import { type Expression, type SqlBool, sql } from "kysely";

/** The most rows that one page of a filtered list reads. */
export const rowBudget = 5_000;

/** Which rows of a list to read, in the order of their ids, and in which direction. */
export type Walk = {
  /** only rows that come after this id in the direction of the walk */
  afterId: string | undefined;
  limit: number;
  descending?: boolean | undefined;
};

/** `readUntilId` is set if the budget ended the walk: rows beyond this id were not read. */
export type Walked<R> = { rows: R[]; readUntilId?: string | undefined };

export function direction({ descending }: Pick<Walk, "descending">): "asc" | "desc" {
  return descending === true ? "desc" : "asc";
}

/** The condition for rows after `afterId` and up to `untilId`, in the direction of the walk. */
export function within(
  column: string,
  walk: Pick<Walk, "afterId" | "descending">,
  untilId?: string,
): Expression<SqlBool> {
  const { afterId, descending } = walk;
  const id = sql.ref(column);
  const conditions = [
    ...(afterId === undefined
      ? []
      : [descending === true ? sql`${id} < ${afterId}` : sql`${id} > ${afterId}`]),
    ...(untilId === undefined
      ? []
      : [descending === true ? sql`${id} >= ${untilId}` : sql`${id} <= ${untilId}`]),
  ];
  return conditions.length === 0 ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${sql.join(conditions, sql` and `)}`;
}
