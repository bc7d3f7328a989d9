import type { PlainInsert, PlainSql } from "../storage/engines/usage.ts";

/**
 * A row of a count table, in the order of its columns. Names of workspaces, subjects and tags are stored once, in
 * `usageNames`; rows refer to them by number. `tagNo` 0 counts all events, with and without tags. `start` is the
 * number of the minute, hour or day since 1970.
 */
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

/**
 * The end of an insert statement that adds to existing counts. A sum stops at the largest possible number, because the
 * whole batch would fail if it overflowed.
 */
export const addUp = (table: CountTable) =>
  `on conflict ("workspaceNo", "kind", "start", "subjectNo", "tagNo", "outcome") do update set
    "count" = ${sum(table, "count")}, "credits" = ${sum(table, "credits")}`;

const minutes: PlainInsert = {
  table: "usageMinutes",
  columns: Object.fromEntries(countColumns.map((name) => [name, "int64" as const])),
  end: addUp("usageMinutes"),
};

/**
 * Adds these rows to the counts by minute. If several nodes write to the database, the caller must sort the rows with
 * `compareRows`. Nodes that count the same subjects then lock the rows in the same order, and never deadlock.
 */
export async function addMinutes(sql: PlainSql, rows: readonly CountRow[]): Promise<void> {
  await sql.insert(minutes, rows);
}

/** Compares rows by their first six columns. A loop over the columns would take four times as long. */
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

const names: PlainInsert = {
  table: "usageNames",
  columns: { kind: "int64", workspaceId: "text", name: "text", day: "int64" },
  end: `on conflict ("kind", "workspaceId", "name") do update
    set "day" = case when excluded."day" > "usageNames"."day" then excluded."day" else "usageNames"."day" end
    returning "id", "kind", "workspaceId", "name"`,
};

export const nameKey = ({ kind, workspaceId, name }: Name) => `${kind}${workspaceId}/${name}`;

/**
 * Returns the numbers of these names by `nameKey`, and assigns numbers to new names. Marks the names as used on `day`,
 * which is in days since 1970.
 */
export async function numberNames(
  sql: PlainSql,
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

/**
 * If a stored last use is later than a new last use by more than this, the clock was wrong when the stored one was
 * recorded, and the new one replaces it. With a correct clock, the difference is never more than some minutes, because
 * last uses are stored within minutes.
 */
const neverAheadMs = 86_400_000;

const lastUses: PlainInsert = {
  table: "lastUses",
  columns: { workspaceId: "text", keyId: "text", atMs: "int64" },
  end: `on conflict ("workspaceId", "keyId") do update set "atMs" = excluded."atMs"
    where excluded."atMs" > "lastUses"."atMs" or "lastUses"."atMs" > excluded."atMs" + ${neverAheadMs}`,
};

export type UseRow = readonly [workspaceId: string, keyId: string, atMs: number];

export async function setLastUses(sql: PlainSql, rows: readonly UseRow[]): Promise<void> {
  await sql.insert(lastUses, rows);
}
