import { outcomes, type Period, periodMs, type SubjectKind, subjectKinds } from "../domain/usage.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import { wanted } from "./blocks.ts";
import type { CountTable } from "./countStore.ts";
import type { LastUse, UsageQuery, UsageRow, UsedKeysQuery } from "./orders.ts";

/**
 * For each period that a query can ask for: the tables that may have its counts, and how many rows of the table
 * (minutes, hours or days) make up one such period. For example, a day may have counts in `usageHours`, and 24 of its
 * hours make up the day.
 */
const sources: Readonly<Record<Period, readonly [CountTable, number][]>> = {
  minute: [["usageMinutes", 1]],
  hour: [
    ["usageHours", 1],
    ["usageMinutes", 60],
  ],
  day: [
    ["usageDays", 1],
    ["usageHours", 24],
    ["usageMinutes", 1_440],
  ],
};

/**
 * The rows of a table whose `start` is from `first` to `last`, both included. `size` says how many of the table's
 * minutes, hours or days make up one queried period.
 */
export type Span = { table: CountTable; size: number; first: number; last: number };

type Stored = { start: number; outcome: number; no: number; count: number; credits: number };

/** Reads the counts of one subject by period, or their sums over the whole time span by tag or by api. */
export async function queryUsage(sql: PlainSql, query: UsageQuery): Promise<UsageRow[]> {
  const { workspaceId, subject, tag, by } = query;
  const workspaceNo = await numberOf(sql, workspaceId, "workspace", workspaceId);
  const subjectNo = await numberOf(sql, workspaceId, subject.kind, subject.id);
  const tagNo = tag === undefined ? 0 : await numberOf(sql, workspaceId, "tag", tag);
  if (workspaceNo === undefined || subjectNo === undefined || tagNo === undefined) return [];
  const kind = subjectKinds[by === "api" ? "api" : subject.kind];
  const found: Stored[] = [];
  for (const span of await spansOf(sql, workspaceNo, kind, query)) {
    found.push(...(await readSpan(sql, span, { workspaceNo, kind, subjectNo, tagNo, by })));
  }
  const names =
    by === undefined
      ? new Map<number, string>()
      : await namesOf(
          sql,
          found.map(({ no }) => no),
        );
  return addedUp(found, periodMs[query.period], names);
}

type Asked = {
  workspaceNo: number;
  kind: number;
  subjectNo: number;
  tagNo: number;
  by: "api" | "tag" | undefined;
};

function readSpan(sql: PlainSql, span: Span, asked: Asked): Promise<Stored[]> {
  const { table, size, first, last } = span;
  const { workspaceNo, kind, subjectNo, tagNo, by } = asked;
  const sums = `sum("count") as "count", sum("credits") as "credits"`;
  if (by === "api") {
    return sql.rows<Stored>(
      `select 0 as "start", "outcome", "subjectNo" as "no", ${sums} from "${table}"
        where "workspaceNo" = $1 and "kind" = $2 and "start" between $3 and $4 and "tagNo" = $5
        group by "outcome", "subjectNo"`,
      workspaceNo,
      kind,
      first,
      last,
      tagNo,
    );
  }
  const columns =
    by === "tag" ? `0 as "start", "tagNo" as "no"` : `m."start" / ${size} as "start", 0 as "no"`;
  // looks up each start in the index, because a range scan would read the counts of all subjects
  return sql.rows<Stored>(
    `with recursive "span"("at") as
        (select cast($1 as bigint) union all select "at" + 1 from "span" where "at" < $2)
      select ${columns}, m."outcome" as "outcome", ${sums} from "span"
        join "${table}" m on m."workspaceNo" = $3 and m."kind" = $4 and m."start" = "span"."at"
          and m."subjectNo" = $5 and m."tagNo" ${by === "tag" ? "<>" : "="} $6
      group by 1, 2, 3`,
    first,
    last,
    workspaceNo,
    kind,
    subjectNo,
    tagNo,
  );
}

/** Returns the span to read from each table, without times before the table's first row or after its last row. */
export async function spansOf(
  sql: PlainSql,
  workspaceNo: number,
  kind: number,
  { period, startMs, endMs }: { period: Period; startMs: number; endMs: number },
): Promise<Span[]> {
  const first = Math.floor(startMs / periodMs[period]);
  const last = Math.ceil(endMs / periodMs[period]) - 1;
  const spans: Span[] = [];
  for (const [table, size] of sources[period]) {
    const [row] = await sql.rows<{ first: number | null; last: number | null }>(
      `select (select min("start") from "${table}" where "workspaceNo" = $1 and "kind" = $2) as "first",
        (select max("start") from "${table}" where "workspaceNo" = $3 and "kind" = $4) as "last"`,
      workspaceNo,
      kind,
      workspaceNo,
      kind,
    );
    if (row === undefined || row.first === null || row.last === null) continue;
    const span = {
      table,
      size,
      first: Math.max(row.first, first * size),
      last: Math.min(row.last, (last + 1) * size - 1),
    };
    if (span.first <= span.last) spans.push(span);
  }
  return spans;
}

function addedUp(found: readonly Stored[], sizeMs: number, names: Map<number, string>): UsageRow[] {
  const sums = new Map<string, UsageRow & { no: number }>();
  for (const { start, outcome: number, no, count, credits } of found) {
    const outcome = outcomes[number];
    if (outcome === undefined) continue; // an outcome that only newer versions of the server have
    const key = `${start}/${number}/${no}`;
    const sum = sums.get(key) ?? {
      startMs: start * sizeMs,
      outcome,
      no,
      name: names.get(no),
      count: 0,
      credits: 0,
    };
    sum.count += count;
    sum.credits += credits;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((one, other) => one.startMs - other.startMs);
}

export async function numberOf(
  sql: PlainSql,
  workspaceId: string,
  kind: SubjectKind,
  name: string,
): Promise<number | undefined> {
  const [row] = await sql.rows<{ id: number }>(
    `select "id" from "usageNames" where "kind" = $1 and "workspaceId" = $2 and "name" = $3`,
    subjectKinds[kind],
    workspaceId,
    name,
  );
  return row?.id;
}

const namesAtOnce = 500;

export async function namesOf(sql: PlainSql, numbers: readonly number[]): Promise<Map<number, string>> {
  const unique = [...new Set(numbers)];
  const found = new Map<number, string>();
  for (let at = 0; at < unique.length; at += namesAtOnce) {
    const some = unique.slice(at, at + namesAtOnce);
    const places = some.map((_, index) => `$${index + 1}`).join(", ");
    const rows = await sql.rows<{ id: number; name: string }>(
      `select "id", "name" from "usageNames" where "id" in (${places})`,
      ...some,
    );
    for (const { id, name } of rows) found.set(id, name);
  }
  return found;
}

export function queryLastUses(
  sql: PlainSql,
  workspaceId: string,
  keyIds: readonly string[],
): Promise<LastUse[]> {
  return sql.rows<LastUse>(
    `${wanted(keyIds.length)} select "keyId", "atMs" from "wanted" cross join "lastUses"
      where "workspaceId" = $${keyIds.length + 1} and "keyId" = "wanted"."id"`,
    ...keyIds,
    workspaceId,
  );
}

/** Returns keys in the order of their last use. */
export function queryUsedKeys(sql: PlainSql, query: UsedKeysQuery): Promise<LastUse[]> {
  const { workspaceId, after, beforeMs, descending, limit } = query;
  const [direction, beyond] = descending ? ["desc", "<"] : ["asc", ">"];
  const first = descending ? { atMs: Number.MAX_SAFE_INTEGER, keyId: "" } : { atMs: -1, keyId: "" };
  const { atMs, keyId } = after ?? first;
  return sql.rows<LastUse>(
    `select "keyId", "atMs" from "lastUses"
      where "workspaceId" = $1 and ("atMs", "keyId") ${beyond} ($2, $3) and "atMs" < $4
      order by "atMs" ${direction}, "keyId" ${direction} limit $5`,
    workspaceId,
    atMs,
    keyId,
    beforeMs ?? Number.MAX_SAFE_INTEGER,
    limit,
  );
}
