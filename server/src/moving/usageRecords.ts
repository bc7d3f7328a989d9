import { outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import type { CountTable } from "../usage/countStore.ts";
import type { Fields } from "./format.ts";

type UsageFields = Fields<"usage">;

/** The tables of usage counts, each with the number of its periods (days, hours or minutes) in a day. */
const tables: readonly [CountTable, number][] = [
  ["usageDays", 1],
  ["usageHours", 24],
  ["usageMinutes", 1_440],
];

const kinds = Object.entries(subjectKinds).filter(([kind]) => kind !== "tag") as [
  UsageFields["kind"],
  number,
][];

/** How many subjects' counts of one day are read at once. */
const subjectsAtOnce = 50_000;
const pageSize = 1_000;

/** Reads the usage counts of a workspace, added up by day from the tables for minutes, hours and days. */
export async function* readUsage(sql: PlainSql, workspaceId: string): AsyncGenerator<UsageFields> {
  for await (const [kind, slice] of slicesOf(sql, workspaceId)) {
    const day = dateOf(slice.day);
    for (const { subjectId, outcome: no, count, credits } of await countsOf(sql, slice)) {
      const outcome = outcomes[no];
      const subject = kind === "workspace" ? {} : { subjectId };
      if (outcome !== undefined) yield { kind, ...subject, day, outcome, count, credits };
    }
  }
}

/** Divides the counts by kind, day and range of subjects. One statement can read the counts of a slice. */
async function* slicesOf(sql: PlainSql, workspaceId: string): AsyncGenerator<[UsageFields["kind"], Slice]> {
  const workspaceNo = await workspaceNoOf(sql, workspaceId);
  if (workspaceNo === undefined) return;
  const [largest] = await sql.rows<{ no: number | null }>(`select max("id") as "no" from "usageNames"`);
  for (const [kind, kindNo] of kinds) {
    const days = await daysOf(sql, workspaceNo, kindNo);
    for (let day = days.first; day <= days.last; day += 1) {
      for (let from = 0; from <= (largest?.no ?? 0); from += subjectsAtOnce) {
        yield [kind, { workspaceNo, kindNo, day, from, to: from + subjectsAtOnce - 1 }];
      }
    }
  }
}

async function workspaceNoOf(sql: PlainSql, workspaceId: string): Promise<number | undefined> {
  const [row] = await sql.rows<{ id: number }>(
    `select "id" from "usageNames" where "kind" = $1 and "workspaceId" = $2 and "name" = $2`,
    subjectKinds.workspace,
    workspaceId,
  );
  return row?.id;
}

/** The first and the last day that have counts. Without any counts, the first is after the last. */
async function daysOf(sql: PlainSql, workspaceNo: number, kindNo: number) {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const [table, perDay] of tables) {
    const [row] = await sql.rows<{ first: number | null; last: number | null }>(
      `select min("start") as "first", max("start") as "last" from "${table}"
        where "workspaceNo" = $1 and "kind" = $2`,
      workspaceNo,
      kindNo,
    );
    if (row === undefined || row.first === null || row.last === null) continue;
    first = Math.min(first, Math.floor(row.first / perDay));
    last = Math.max(last, Math.floor(row.last / perDay));
  }
  return { first, last };
}

/** The counts of one day and kind, for the subjects whose numbers are from `from` to `to`, both included. */
type Slice = { workspaceNo: number; kindNo: number; day: number; from: number; to: number };
type Count = { subjectId: string; outcome: number; count: number; credits: number };

/** The counts of one slice. The rows with tag 0 count all verifications, whether they have tags or not. */
export function countsOf(sql: PlainSql, { workspaceNo, kindNo, day, from, to }: Slice): Promise<Count[]> {
  const parts = tables.map(
    ([table, perDay]) => `select "subjectNo", "outcome", "count", "credits" from "${table}"
      where "workspaceNo" = $1 and "kind" = $2 and "tagNo" = 0 and "subjectNo" between $3 and $4
        and "start" between ${day * perDay} and ${(day + 1) * perDay - 1}`,
  );
  return sql.rows<Count>(
    `select s."name" as "subjectId", c."outcome" as "outcome", sum(c."count") as "count",
        sum(c."credits") as "credits"
      from (${parts.join(" union all ")}) c join "usageNames" s on s."id" = c."subjectNo"
      group by s."name", c."outcome" order by s."name", c."outcome"`,
    workspaceNo,
    kindNo,
    from,
    to,
  );
}

function dateOf(day: number): string {
  return new Date(day * periodMs.day).toISOString().slice(0, 10);
}

export async function* readLastUses(sql: PlainSql, workspaceId: string): AsyncGenerator<Fields<"lastUse">> {
  let afterId = "";
  for (;;) {
    const page = await sql.rows<Fields<"lastUse">>(
      `select "keyId", "atMs" from "lastUses" where "workspaceId" = $1 and "keyId" > $2
        order by "keyId" limit ${pageSize}`,
      workspaceId,
      afterId,
    );
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    afterId = last.keyId;
  }
}
