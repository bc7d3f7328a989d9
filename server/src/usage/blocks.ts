import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { PlainInsert, PlainSql } from "../storage/engines/usage.ts";

/**
 * Recorded events are stored in blocks. A block is a row with hundreds of events as compressed lines of text. A
 * workspace's events are divided into two shares: verifications of unknown keys, and all other events. If space is
 * short, each share is evicted separately. So a flood of unknown keys does not evict the events of known keys.
 */
export const shares = { known: 0, unknown: 1 } as const;
export type Share = (typeof shares)[keyof typeof shares];

/**
 * Events that will become one block: they have the same workspace and share, and are lines of text. `startMs` and
 * `endMs` are the times of the earliest and of the latest event.
 */
export type Lines = {
  workspaceId: string;
  share: Share;
  startMs: number;
  endMs: number;
  count: number;
  text: string;
};

/**
 * A stored block without its events. `startMs` and `endMs` are the times of its earliest and of its latest event.
 * `bytes` is the space that the block takes on disk.
 */
export type BlockHead = { id: string; startMs: number; endMs: number; bytes: number; count: number };

const blocks: PlainInsert = {
  table: "usageBlocks",
  columns: {
    id: "text",
    workspaceId: "text",
    share: "int64",
    startMs: "int64",
    endMs: "int64",
    count: "int64",
    bytes: "int64",
    body: "bytes",
  },
  end: "",
};

/** About how many bytes a block's row and index entries take in addition to the compressed events. */
const rowBytes = 300;
const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Stores each of these `Lines` as one block. */
export async function insertBlocks(
  sql: PlainSql,
  all: readonly Lines[],
  newId: () => string,
): Promise<{ lines: Lines; head: BlockHead }[]> {
  const rows = all.map((lines) => {
    const { workspaceId, share, startMs, endMs, count, text } = lines;
    const body = zstdCompressSync(text, fastest);
    const head: BlockHead = { id: newId(), startMs, endMs, bytes: body.length + rowBytes, count };
    return { lines, head, values: [head.id, workspaceId, share, startMs, endMs, count, head.bytes, body] };
  });
  await sql.insert(
    blocks,
    rows.map(({ values }) => values),
  );
  return rows.map(({ lines, head }) => ({ lines, head }));
}

/**
 * Lists the blocks of a workspace that may contain events from `startMs` up to, but not including, `endMs`. The block
 * with the latest event comes first.
 */
export function listHeads(
  sql: PlainSql,
  workspaceId: string,
  { startMs, endMs, limit }: { startMs: number; endMs: number; limit: number },
): Promise<BlockHead[]> {
  return sql.rows<BlockHead>(
    `select "id", "startMs", "endMs", "bytes", "count" from "usageBlocks"
      where "workspaceId" = $1 and "endMs" >= $2 and "startMs" < $3 order by "endMs" desc limit $4`,
    workspaceId,
    startMs,
    endMs,
    limit,
  );
}

const exportedPerQuery = 1_000;

/** Lists the blocks, in all workspaces, that contain events at `sinceMs` or later. The oldest block comes first. */
export async function* listAllHeads(
  sql: PlainSql,
  sinceMs: number,
): AsyncGenerator<{ id: string; workspaceId: string; endMs: number }> {
  let after = { endMs: sinceMs - 1, id: "" };
  for (;;) {
    const rows = await sql.rows<{ id: string; workspaceId: string; endMs: number }>(
      `select "id", "workspaceId", "endMs" from "usageBlocks"
        where "endMs" > $1 or ("endMs" = $2 and "id" > $3) order by "endMs", "id" limit ${exportedPerQuery}`,
      after.endMs,
      after.endMs,
      after.id,
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < exportedPerQuery) return;
    after = last;
  }
}

/** Returns the events of these blocks as text, by the block's id. Omits blocks that were deleted meanwhile. */
export async function readTexts(
  sql: PlainSql,
  workspaceId: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await sql.rows<{ id: string; body: Uint8Array }>(
    `${wanted(ids.length)} select b."id" as "id", "body" from "wanted" cross join "usageBlocks" b
      where "workspaceId" = $${ids.length + 1} and b."id" = "wanted"."id"`,
    ...ids,
    workspaceId,
  );
  return new Map(rows.map(({ id, body }) => [id, zstdDecompressSync(body).toString()]));
}

export async function deleteBlocks(
  sql: PlainSql,
  workspaceId: string,
  ids: readonly string[],
): Promise<void> {
  await sql.rows(
    `${wanted(ids.length)} delete from "usageBlocks" where "id" in (
      select b."id" from "wanted" cross join "usageBlocks" b
      where "workspaceId" = $${ids.length + 1} and b."id" = "wanted"."id")`,
    ...ids,
    workspaceId,
  );
}

/**
 * The beginning of a statement that defines a table `wanted` of `count` ids. The ids are the first parameters of the
 * statement. In a cross join with this table, SQLite looks up each id. If the ids were a list in a condition, SQLite
 * would scan the whole workspace.
 */
export function wanted(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `(cast($${index + 1} as text))`);
  return `with "wanted"("id") as (values ${rows.join(", ")})`;
}

const gaps: PlainInsert = {
  table: "usageGaps",
  columns: { workspaceId: "text", completeSinceMs: "int64" },
  end: `on conflict ("workspaceId") do update set "completeSinceMs" = excluded."completeSinceMs"
    where excluded."completeSinceMs" > "usageGaps"."completeSinceMs"`,
};

/**
 * A row of `usageGaps` says from which time on a workspace's events are complete. The row with this `workspaceId` is
 * for all workspaces.
 */
export const everyWorkspace = "";

/**
 * Stores the time from which all events are complete: that of the first event ever. Does nothing if it is stored
 * already.
 */
export async function markStart(sql: PlainSql, startMs: number): Promise<void> {
  await sql.insert({ ...gaps, end: "on conflict do nothing" }, [[everyWorkspace, startMs]]);
}

/** Stores, for each workspace in `since`, that some of its events before this time were lost or deleted. */
export async function noteGaps(sql: PlainSql, since: ReadonlyMap<string, number>): Promise<void> {
  const rows = [...since].sort(([one], [other]) => (one < other ? -1 : 1));
  await sql.insert(gaps, rows);
}

/** Returns the time from which the workspace's events are complete, or `undefined` if no event was ever stored. */
export async function findCompleteSince(sql: PlainSql, workspaceId: string): Promise<number | undefined> {
  const rows = await sql.rows<{ completeSinceMs: number }>(
    `select "completeSinceMs" from "usageGaps" where "workspaceId" in ($1, '')`,
    workspaceId,
  );
  if (rows.length === 0) return undefined;
  return Math.max(...rows.map(({ completeSinceMs }) => completeSinceMs));
}
