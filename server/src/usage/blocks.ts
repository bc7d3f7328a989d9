import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { UsageInsert, UsageSql } from "../storage/engines/usage.ts";

/** The part of a workspace's events that a block belongs to. Unknown keys have a share of their own. */
export const shares = { known: 0, unknown: 1 } as const;
export type Share = (typeof shares)[keyof typeof shares];

/** Events of one workspace and share, as lines in the order in which they were recorded. */
export type Lines = {
  workspaceId: string;
  share: Share;
  startMs: number;
  endMs: number;
  count: number;
  text: string;
};

/** A stored block without its events. `bytes`: what it takes on the disk. */
export type BlockHead = { id: string; startMs: number; endMs: number; bytes: number; count: number };

const blocks: UsageInsert = {
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

/** what a row and its index entries take beside the events */
const rowBytes = 300;
const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Stores each of these as one block. */
export async function insertBlocks(
  sql: UsageSql,
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

/** The blocks of a workspace that may have events of this span, those with the latest events first. */
export function listHeads(
  sql: UsageSql,
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

const exportedAtOnce = 1_000;

/** All blocks of all workspaces that have events of this time or later, oldest first. */
export async function* listAllHeads(
  sql: UsageSql,
  sinceMs: number,
): AsyncGenerator<{ id: string; workspaceId: string; endMs: number }> {
  let after = { endMs: sinceMs - 1, id: "" };
  for (;;) {
    const rows = await sql.rows<{ id: string; workspaceId: string; endMs: number }>(
      `select "id", "workspaceId", "endMs" from "usageBlocks"
        where "endMs" > $1 or ("endMs" = $2 and "id" > $3) order by "endMs", "id" limit ${exportedAtOnce}`,
      after.endMs,
      after.endMs,
      after.id,
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < exportedAtOnce) return;
    after = last;
  }
}

/** The events of these blocks, as text, by the block's id. Omits blocks that were deleted. */
export async function readTexts(
  sql: UsageSql,
  workspaceId: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await sql.rows<{ id: string; body: Uint8Array }>(
    `select "id", "body" from "usageBlocks" where "workspaceId" = $1 and "id" in (${parameters(2, ids.length)})`,
    workspaceId,
    ...ids,
  );
  return new Map(rows.map(({ id, body }) => [id, zstdDecompressSync(body).toString()]));
}

export async function deleteBlocks(
  sql: UsageSql,
  workspaceId: string,
  ids: readonly string[],
): Promise<void> {
  const places = parameters(2, ids.length);
  await sql.rows(
    `delete from "usageBlocks" where "workspaceId" = $1 and "id" in (${places})`,
    workspaceId,
    ...ids,
  );
}

/** `$2, $3`, … */
export function parameters(first: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `$${first + index}`).join(", ");
}

const gaps: UsageInsert = {
  table: "usageGaps",
  columns: { workspaceId: "text", completeSinceMs: "int64" },
  end: `on conflict ("workspaceId") do update set "completeSinceMs" = excluded."completeSinceMs"
    where excluded."completeSinceMs" > "usageGaps"."completeSinceMs"`,
};

/** stands for all workspaces */
export const everyWorkspace = "";

/** Notes when the first event was stored, unless that is known. */
export async function markStart(sql: UsageSql, startMs: number): Promise<void> {
  await sql.insert({ ...gaps, end: "on conflict do nothing" }, [[everyWorkspace, startMs]]);
}

/** Notes that events before these times are missing. */
export async function noteGaps(sql: UsageSql, since: ReadonlyMap<string, number>): Promise<void> {
  const rows = [...since].sort(([one], [other]) => (one < other ? -1 : 1));
  await sql.insert(gaps, rows);
}

/** The time from which the workspace's events are complete. */
export async function findCompleteSince(sql: UsageSql, workspaceId: string): Promise<number | undefined> {
  const rows = await sql.rows<{ completeSinceMs: number }>(
    `select "completeSinceMs" from "usageGaps" where "workspaceId" in ($1, '')`,
    workspaceId,
  );
  if (rows.length === 0) return undefined;
  return Math.max(...rows.map(({ completeSinceMs }) => completeSinceMs));
}
