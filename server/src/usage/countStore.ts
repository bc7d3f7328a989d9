import type { UsageInsert, UsageSql } from "../storage/engines/usage.ts";

/** Numbers of workspace, subject, tag and outcome, the minute, and what was counted, in the order of the columns. */
export type CountRow = readonly [
  workspaceNo: number,
  kind: number,
  start: number,
  subjectNo: number,
  tagNo: number,
  outcome: number,
  count: number,
  credits: number,
];

export const countColumns = [
  "workspaceNo",
  "kind",
  "start",
  "subjectNo",
  "tagNo",
  "outcome",
  "count",
  "credits",
] as const;

export type CountTable = "usageMinutes" | "usageHours" | "usageDays";

const largest = Number.MAX_SAFE_INTEGER;
const sum = (table: CountTable, column: string) =>
  `case when "${table}"."${column}" > ${largest} - excluded."${column}" then ${largest}
    else "${table}"."${column}" + excluded."${column}" end`;

/** A count that is full stays full, since an overflow would keep the others of its batch from being stored. */
export const addUp = (table: CountTable) =>
  `on conflict ("workspaceNo", "kind", "start", "subjectNo", "tagNo", "outcome") do update set
    "count" = ${sum(table, "count")}, "credits" = ${sum(table, "credits")}`;

const minutes: UsageInsert = {
  table: "usageMinutes",
  columns: Object.fromEntries(countColumns.map((name) => [name, "int64" as const])),
  end: addUp("usageMinutes"),
};

/** Adds up. Rows are locked in their order, so nodes that count the same wait for each other instead of ending in a deadlock. */
export async function addMinutes(sql: UsageSql, rows: readonly CountRow[]): Promise<void> {
  await sql.insert(minutes, rows);
}

/** Written out, since a loop over the columns takes four times as long. */
export function compareRows(one: CountRow, other: CountRow): number {
  return (
    one[0] - other[0] ||
    one[1] - other[1] ||
    one[2] - other[2] ||
    one[3] - other[3] ||
    one[4] - other[4] ||
    one[5] - other[5]
  );
}

export type Name = { kind: number; workspaceId: string; name: string };

const names: UsageInsert = {
  table: "usageNames",
  columns: { kind: "int64", workspaceId: "text", name: "text", day: "int64" },
  end: `on conflict ("kind", "workspaceId", "name") do update
    set "day" = case when excluded."day" > "usageNames"."day" then excluded."day" else "usageNames"."day" end
    returning "id", "kind", "workspaceId", "name"`,
};

export const nameKey = ({ kind, workspaceId, name }: Name) => `${kind}${workspaceId}/${name}`;

/** The numbers of these names, by `nameKey`. `day`: on which they were used. */
export async function numberNames(
  sql: UsageSql,
  all: readonly Name[],
  day: number,
): Promise<Map<string, number>> {
  const unique = new Map(all.map((name) => [nameKey(name), name]));
  const rows = [...unique]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, { kind, workspaceId, name }]) => [kind, workspaceId, name, day]);
  const stored = await sql.insert<Name & { id: number }>(names, rows);
  return new Map(stored.map((row) => [nameKey(row), row.id]));
}

/** No batch waits this long. A stored use that is further ahead of a new one came from a wrong clock. */
const neverAheadMs = 86_400_000;

const lastUses: UsageInsert = {
  table: "lastUses",
  columns: { workspaceId: "text", keyId: "text", atMs: "int64" },
  end: `on conflict ("workspaceId", "keyId") do update set "atMs" = excluded."atMs"
    where excluded."atMs" > "lastUses"."atMs" or "lastUses"."atMs" > excluded."atMs" + ${neverAheadMs}`,
};

export type UseRow = readonly [workspaceId: string, keyId: string, atMs: number];

export async function setLastUses(sql: UsageSql, rows: readonly UseRow[]): Promise<void> {
  await sql.insert(lastUses, rows);
}
