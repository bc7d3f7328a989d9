import { outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import type { PlainInsert, PlainSql, UsageDatabase } from "../storage/engines/usage.ts";
import { numberOf } from "../usage/countReader.ts";
import { countColumns, nameKey, numberNames } from "../usage/countStore.ts";
import type { Fields } from "./format.ts";
import type { Outcome } from "./judgeBatch.ts";
import { countsOf } from "./usageRecords.ts";

type LastUse = Fields<"lastUse">;
type UsageFields = Fields<"usage">;
type Count = Pick<UsageFields, "count" | "credits">;

/** What a dry run would have stored. A later record may be about the same key or count, and is judged by it. */
export type UnstoredUsage = {
  lastUses: Map<string, number>;
  /**
   * the kind and day of the latest count. `counts` has only counts of this kind and day, because a document lists all
   * counts of a kind and day together
   */
  kindAndDay: string;
  counts: Map<string, Count>;
};

/**
 * Imports when keys were last used. A later time that the database has for a key is kept. A dry run passes `unstored`,
 * and stores nothing.
 */
export async function importLastUses(
  sql: PlainSql,
  workspaceId: string,
  uses: readonly LastUse[],
  unstored: UnstoredUsage | undefined,
): Promise<Outcome[]> {
  const latest = unstored?.lastUses ?? new Map<string, number>();
  const outcomesOf: Outcome[] = [];
  for (const { keyId, atMs } of uses) {
    const known = latest.get(keyId) ?? (await findLastUse(sql, workspaceId, keyId));
    const isLater = known === undefined || known < atMs;
    if (isLater) latest.set(keyId, atMs);
    outcomesOf.push({ kind: known === undefined ? "created" : isLater ? "changed" : "unchanged" });
  }
  if (unstored === undefined) {
    await sql.insert(
      laterUses,
      [...latest].map(([keyId, atMs]) => [workspaceId, keyId, atMs]),
    );
  }
  return outcomesOf;
}

async function findLastUse(sql: PlainSql, workspaceId: string, keyId: string): Promise<number | undefined> {
  const [row] = await sql.rows<{ atMs: number }>(
    `select "atMs" from "lastUses" where "workspaceId" = $1 and "keyId" = $2`,
    workspaceId,
    keyId,
  );
  return row?.atMs;
}

/**
 * An imported time never replaces a later time. In contrast, when a server stores the uses of its own keys, a stored
 * time that is later by more than a day must come from a wrong clock, and is replaced.
 */
const laterUses: PlainInsert = {
  table: "lastUses",
  columns: { workspaceId: "text", keyId: "text", atMs: "int64" },
  end: `on conflict ("workspaceId", "keyId") do update set "atMs" = excluded."atMs"
    where excluded."atMs" > "lastUses"."atMs"`,
};

/**
 * Imports counts by day, except if the database already has a count for the same subject, day and outcome. A dry run
 * passes `unstored`, and stores nothing.
 */
export async function importUsage(
  database: UsageDatabase,
  workspaceId: string,
  counts: readonly UsageFields[],
  unstored: UnstoredUsage | undefined,
): Promise<Outcome[]> {
  if (unstored !== undefined) return judgeCounts(database, workspaceId, counts, unstored);
  return database.transaction(async (tx) => {
    const today = Math.max(...counts.map(({ day }) => dayOf(day)));
    const names = counts.map((count) => ({
      kind: subjectKinds[count.kind],
      workspaceId,
      name: count.subjectId ?? workspaceId,
    }));
    const workspace = { kind: subjectKinds.workspace, workspaceId, name: workspaceId };
    const numbers = await numberNames(tx, [workspace, ...names], today);
    const workspaceNo = numbers.get(nameKey(workspace)) ?? 0;
    const outcomesOf: Outcome[] = [];
    for (const [index, count] of counts.entries()) {
      const name = names[index];
      if (name === undefined) continue;
      const subjectNo = numbers.get(nameKey(name)) ?? 0;
      outcomesOf.push(await insertCount(tx, { workspaceNo, subjectNo }, count));
    }
    return outcomesOf;
  });
}

/** Decides what would become of these counts. Stores nothing, not even the names of new subjects. */
async function judgeCounts(
  sql: PlainSql,
  workspaceId: string,
  counts: readonly UsageFields[],
  unstored: UnstoredUsage,
): Promise<Outcome[]> {
  const workspaceNo = await numberOf(sql, workspaceId, "workspace", workspaceId);
  const outcomesOf: Outcome[] = [];
  for (const fields of counts) {
    const { kind, day, outcome, subjectId = workspaceId } = fields;
    const kindAndDay = `${kind} ${day}`;
    if (kindAndDay !== unstored.kindAndDay) Object.assign(unstored, { kindAndDay, counts: new Map() });
    const name = `${outcome} ${subjectId}`;
    const subjectNo = await numberOf(sql, workspaceId, kind, subjectId);
    const isNamed = workspaceNo !== undefined && subjectNo !== undefined;
    const stored = isNamed ? await findCount(sql, { workspaceNo, subjectNo }, fields) : undefined;
    const judged = outcomeOf(fields, stored ?? unstored.counts.get(name));
    if (judged.kind === "created") unstored.counts.set(name, fields);
    outcomesOf.push(judged);
  }
  return outcomesOf;
}

type Subject = { workspaceNo: number; subjectNo: number };

async function insertCount(tx: PlainSql, subject: Subject, fields: UsageFields): Promise<Outcome> {
  const judged = outcomeOf(fields, await findCount(tx, subject, fields));
  if (judged.kind !== "created") return judged;
  const { workspaceNo, subjectNo } = subject;
  const { kind, day, outcome, count, credits } = fields;
  const slice = [workspaceNo, subjectKinds[kind], dayOf(day), subjectNo, 0, outcomes.indexOf(outcome)];
  await tx.insert(days, [[...slice, count, credits]]);
  return judged;
}

/** Finds what is stored for the subject, day and outcome of a count. */
async function findCount(
  sql: PlainSql,
  { workspaceNo, subjectNo }: Subject,
  { kind, day, outcome }: UsageFields,
): Promise<Count | undefined> {
  const kindNo = subjectKinds[kind];
  const slice = { workspaceNo, kindNo, day: dayOf(day), from: subjectNo, to: subjectNo };
  const stored = await countsOf(sql, slice);
  return stored.find((one) => one.outcome === outcomes.indexOf(outcome));
}

function outcomeOf({ count, credits }: Count, stored: Count | undefined): Outcome {
  if (stored === undefined) return { kind: "created" };
  if (stored.count === count && stored.credits === credits) return { kind: "unchanged" };
  return { kind: "kept", reason: "the database has another count for this subject, day and outcome" };
}

const days: PlainInsert = {
  table: "usageDays",
  columns: Object.fromEntries(countColumns.map((name) => [name, "int64" as const])),
  end: "",
};

function dayOf(date: string): number {
  return Math.floor(Date.parse(date) / periodMs.day);
}
