import { type Expression, type SqlBool, sql } from "kysely";

/** The maximum number of rows that are read for one page of a filtered list. */
export const rowBudget = 5_000;

/** A walk reads the rows of a list in the order of their ids, ascending or descending. */
export type Walk = {
  /** only rows that come after this id in the direction of the walk */
  afterId: string | undefined;
  limit: number;
  descending?: boolean | undefined;
};

/**
 * The rows that a walk found. If the walk stopped because it had read `rowBudget` rows, `readUntilId` is the id of the
 * last row that it read.
 */
export type Walked<R> = { rows: R[]; readUntilId?: string | undefined };

export function direction({ descending }: Pick<Walk, "descending">): "asc" | "desc" {
  return descending === true ? "desc" : "asc";
}

/** The condition that a row comes after `afterId`, and not after `untilId`, in the direction of the walk. */
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
