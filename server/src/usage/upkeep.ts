import { fairShare } from "../domain/fairShares.ts";
import { daysKeptMs, periodMs, subjectKinds } from "../domain/usage.ts";
import type { PlainSql, UsageDatabase } from "../storage/engines/usage.ts";
import { deleteBlocks, noteGaps } from "./blocks.ts";
import { addUp, type CountTable, countColumns } from "./countStore.ts";

const { minute, hour, day } = periodMs;

/**
 * How long counts stay in each table before they move to the table with the next longer period. Counts by minute of
 * keys and identities (`many`) stay for a shorter time, because there can be very many of them.
 */
const keptMs = {
  minutes: { few: day, many: 3 * hour },
  hours: 92 * day,
  days: daysKeptMs,
} as const;

/** Whether a workspace may have very many subjects of this kind. */
export const isMany = (kind: number) => kind === subjectKinds.identity || kind === subjectKinds.key;
const countedKinds = [0, 1, 2, 3, 4] as const;

/**
 * The counts in `table` of one workspace and one kind of subject, in one minute, hour or day. `into` is the table with
 * the next longer period. `per` says how many periods of `table` make up one period of `into`.
 */
export type Slice = {
  table: CountTable;
  into: CountTable | undefined;
  per: number;
  workspaceNo: number;
  kind: number;
};

const levels = [
  { table: "usageMinutes", into: "usageHours", per: 60, sizeMs: minute },
  { table: "usageHours", into: "usageDays", per: 24, sizeMs: hour },
  { table: "usageDays", into: undefined, per: 1, sizeMs: day },
] as const;

function keptOf(table: CountTable, kind: number): number {
  if (table === "usageMinutes") return isMany(kind) ? keptMs.minutes.many : keptMs.minutes.few;
  return table === "usageHours" ? keptMs.hours : keptMs.days;
}

/** The maximum number of slices that one call moves. More would delay other work of the usage thread. */
const slicesPerCall = 20;

/** Called for each slice that was moved to another table or deleted, with its `start`. */
type Moved = (slice: Slice, start: number) => void;

const ignore: Moved = () => undefined;

/**
 * Moves old counts from minutes to hours and from hours to days, and deletes old counts by day and unused names. Calls
 * `moved` for each slice of counts that it moves or deletes.
 */
export async function moveOld(database: UsageDatabase, nowMs: number, moved = ignore): Promise<void> {
  let count = 0;
  for (const level of levels) {
    for await (const { start, ...slice } of oldest(database, level)) {
      if ((start + 1) * level.sizeMs > nowMs - keptOf(level.table, slice.kind)) continue;
      await move(database, slice, start);
      moved(slice, start);
      count += 1;
      if (count >= slicesPerCall) return;
    }
  }
  await deleteUnusedNames(database, nowMs);
}

/**
 * Yields the oldest slice of each workspace and kind of subject. If the caller has moved that slice, yields the next
 * oldest; otherwise continues with the next kind.
 */
async function* oldest(
  database: UsageDatabase,
  { table, into, per }: (typeof levels)[number],
): AsyncGenerator<Slice & { start: number }> {
  const workspaces = await database.rows<{ id: number }>(
    `select "id" from "usageNames" where "kind" = $1`,
    0,
  );
  for (const { id: workspaceNo } of workspaces) {
    for (const kind of countedKinds) {
      let last: number | undefined;
      for (;;) {
        const start = await oldestStart(database, table, workspaceNo, kind);
        if (start === undefined || start === last) break;
        last = start;
        yield { table, into, per, workspaceNo, kind, start };
      }
    }
  }
}

async function oldestStart(sql: PlainSql, table: CountTable, workspaceNo: number, kind: number) {
  const [row] = await sql.rows<{ start: number | null }>(
    `select min("start") as "start" from "${table}" where "workspaceNo" = $1 and "kind" = $2`,
    workspaceNo,
    kind,
  );
  return row?.start ?? undefined;
}

/**
 * Moves a slice to the next table, or deletes it if there is no next table. A count must never be in two tables, so
 * inserting and deleting are one transaction, and only one node moves counts at a time.
 */
async function move(database: UsageDatabase, slice: Slice, start: number): Promise<void> {
  const { table, into, per, workspaceNo, kind } = slice;
  const ofSlice = `"workspaceNo" = $1 and "kind" = $2 and "start" = $3`;
  await database.alone(async (tx) => {
    if (into !== undefined) {
      const columns = countColumns.map((name) => `"${name}"`);
      const values = columns.map((name) => (name === `"start"` ? `"start" / ${per}` : name));
      // Counts by day have no tags: they are kept for three years, and the names of tags would have to be kept as long.
      const wanted = into === "usageDays" ? `and "tagNo" = 0` : "";
      const places = `insert into "${into}" (${columns.join(", ")}) select ${values.join(", ")}`;
      await tx.rows(
        `${places} from "${table}" where ${ofSlice} ${wanted} ${addUp(into)}`,
        workspaceNo,
        kind,
        start,
      );
    }
    const remove = `delete from "${table}" where`;
    await tx.rows(`${remove} ${ofSlice}`, workspaceNo, kind, start);
  });
}

/**
 * Deletes names that no count refers to any more. Names of tags are needed as long as counts by hour are kept. All
 * other names are needed as long as counts by day are kept.
 */
async function deleteUnusedNames(sql: PlainSql, nowMs: number): Promise<void> {
  const unused = `delete from "usageNames" where "kind" between $1 and $2 and "day" < $3`;
  const today = Math.floor(nowMs / day);
  await sql.rows(unused, subjectKinds.tag, subjectKinds.tag, today - keptMs.hours / day - 2);
  await sql.rows(unused, subjectKinds.workspace, subjectKinds.key, today - keptMs.days / day - 2);
}

/**
 * Fractions of the space that usage may take. If usage takes more than `full`, events are evicted until it takes at
 * most `left`.
 */
const fractions = { full: 0.95, left: 0.9 } as const;

/**
 * Keeps usage within `maxBytes`, and returns free space to the file system. First evicts the oldest events of each
 * workspace's share (see `blocks.ts`) that takes more space than is fair. If that is not enough, moves the oldest
 * counts to tables with longer periods, and deletes the oldest counts by day. Calls `moved` for each slice of counts
 * that it moves or deletes. Returns the number of evicted events.
 */
export async function keepWithin(database: UsageDatabase, maxBytes: number, moved = ignore): Promise<number> {
  const used = await database.usedBytes();
  let deleted = 0;
  if (used > maxBytes * fractions.full) {
    const freed = await evictEvents(database, used - maxBytes * fractions.left);
    deleted = freed.events;
    if (freed.bytes < used - maxBytes * fractions.full)
      await reduceCounts(database, maxBytes * fractions.full, moved);
  }
  await database.shrink();
  return deleted;
}

/**
 * Moves the oldest counts to tables with longer periods, even if they are not old enough for `moveOld`, until usage
 * takes at most `targetBytes`. One call moves at most `slicesPerCall` slices of each table.
 */
async function reduceCounts(database: UsageDatabase, targetBytes: number, moved: Moved): Promise<void> {
  for (const level of levels) {
    let count = 0;
    for await (const { start, ...slice } of oldest(database, level)) {
      if ((await database.usedBytes()) <= targetBytes) return;
      await move(database, slice, start);
      moved(slice, start);
      count += 1;
      if (count >= slicesPerCall) return;
    }
  }
}

type ShareRow = { workspaceId: string; share: number; bytes: number };

/**
 * Evicts the oldest events of each share (see `blocks.ts`) that takes more space than is fair. `excess` is how many
 * bytes to free. Returns how many bytes and events were evicted.
 */
async function evictEvents(
  database: UsageDatabase,
  excess: number,
): Promise<{ bytes: number; events: number }> {
  const rows = await database.rows<ShareRow>(
    `select "workspaceId", "share", sum("bytes") as "bytes" from "usageBlocks" group by "workspaceId", "share"`,
  );
  const all = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  const most = fairShare(
    rows.map(({ bytes }) => bytes),
    Math.max(0, all - excess),
  );
  const freed = { bytes: 0, events: 0 };
  for (const row of rows) {
    if (row.bytes <= most) continue;
    const one = await database.transaction((tx) => evictOldest(tx, row, row.bytes - most));
    freed.bytes += one.bytes;
    freed.events += one.events;
  }
  return freed;
}

/** The maximum number of blocks that one call evicts from a share. */
const blocksPerShare = 500;

async function evictOldest(sql: PlainSql, { workspaceId, share }: ShareRow, excess: number) {
  const blocks = await sql.rows<{ id: string; endMs: number; bytes: number; count: number }>(
    `select "id", "endMs", "bytes", "count" from "usageBlocks"
      where "workspaceId" = $1 and "share" = $2 order by "endMs" limit ${blocksPerShare}`,
    workspaceId,
    share,
  );
  const freed = { bytes: 0, events: 0 };
  const evicted = blocks.filter(({ bytes, count }) => {
    if (freed.bytes >= excess) return false;
    freed.bytes += bytes;
    freed.events += count;
    return true;
  });
  await deleteBlocks(
    sql,
    workspaceId,
    evicted.map(({ id }) => id),
  );
  await noteGaps(sql, new Map([[workspaceId, Math.max(...evicted.map(({ endMs }) => endMs)) + 1]]));
  return freed;
}

/** Deletes the blocks, in all workspaces, that have no event at `sinceMs` or later. */
export async function deleteOldEvents(sql: PlainSql, sinceMs: number): Promise<void> {
  const deleted = await sql.rows<{ workspaceId: string; endMs: number }>(
    `delete from "usageBlocks" where "endMs" < $1 returning "workspaceId", "endMs"`,
    sinceMs,
  );
  const gaps = new Map<string, number>();
  for (const { workspaceId, endMs } of deleted) {
    gaps.set(workspaceId, Math.max(endMs + 1, gaps.get(workspaceId) ?? 0));
  }
  await noteGaps(sql, gaps);
}
