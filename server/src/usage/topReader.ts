import { outcomes, subjectKinds } from "../domain/usage.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import { findCompleteSince, listHeads, readTexts } from "./blocks.ts";
import { namesOf, numberOf, type Span, spansOf } from "./countReader.ts";
import { eventOf } from "./lines.ts";
import type { Hours, TopSums } from "./topSums.ts";
import type { IdentifierQuery, IdentifierTop, NumberedCount, Top, TopQuery } from "./tops.ts";
import { isMany } from "./upkeep.ts";

/**
 * Finds the subjects or tags with the most events. Finds keys and identities by `memory.sums`, if it is set and the
 * sums fit into memory, and otherwise adds up the stored counts. Returns `unfinished` if `sums` has not read all hours
 * yet: call it again with `isRest`.
 */
export async function findTop(
  sql: PlainSql,
  query: TopQuery,
  memory?: { sums: TopSums; isRest: boolean },
): Promise<Top | "unfinished"> {
  const workspaceNo = await numberOf(sql, query.workspaceId, "workspace", query.workspaceId);
  if (workspaceNo === undefined) return [];
  // the counts of tags are those of the workspace with a tag
  const kind = subjectKinds[query.of === "tag" ? "workspace" : query.of];
  const spans = await spansOf(sql, workspaceNo, kind, query);
  if (spans.length === 0) return [];
  const question = { workspaceNo, query, hours: hoursOf(spans), isRest: memory?.isRest ?? false };
  const kept = memory && isMany(kind) ? await memory.sums.find(sql, question) : "too many";
  if (kept === "unfinished") return kept;
  return named(sql, kept === "too many" ? await readTop(sql, query, { workspaceNo, kind, spans }) : kept);
}

/** Returns the hours from the first to the last hour of the spans. */
function hoursOf(spans: readonly Span[]): Hours {
  return {
    first: Math.min(...spans.map(({ first, size }) => Math.floor(first / size))),
    last: Math.max(...spans.map(({ last, size }) => Math.floor(last / size))),
  };
}

type Counts = { workspaceNo: number; kind: number; spans: readonly Span[] };

/**
 * Returns the subjects or tags with the largest totals: the number that stands for each (`no`), and its total. One
 * statement adds up the counts of all spans.
 */
function readTop(
  sql: PlainSql,
  query: TopQuery,
  { workspaceNo, kind, spans }: Counts,
): Promise<NumberedCount[]> {
  const isOfTags = query.of === "tag";
  const outcome = query.outcome === undefined ? undefined : outcomes.indexOf(query.outcome);
  const parts = spans.map(
    ({ table, first, last }) => `select "${isOfTags ? "tagNo" : "subjectNo"}" as "no", "count" from "${table}"
      where "workspaceNo" = ${workspaceNo} and "kind" = ${kind} and "start" between ${first} and ${last}
        and "tagNo" ${isOfTags ? "<>" : "="} 0 ${outcome === undefined ? "" : `and "outcome" = ${outcome}`}`,
  );
  return sql.rows<NumberedCount>(
    `select "no", sum("count") as "count" from (${parts.join(" union all ")}) as "all"
      group by "no" having sum("count") > 0 order by 2 desc, 1 limit $1`,
    query.limit,
  );
}

async function named(sql: PlainSql, rows: readonly NumberedCount[]): Promise<Top> {
  const names = await namesOf(
    sql,
    rows.map(({ no }) => no),
  );
  return rows.flatMap(({ no, count }) => {
    const name = names.get(no);
    return name === undefined ? [] : [{ name, count }];
  });
}

/** The maximum number of blocks that a query reads. It then takes at most a few tenths of a second. */
const maxBlocks = 400;
const blocksPerQuery = 16;

/** Finds the identifiers with the most decisions, from stored events. Reads at most the latest `maxBlocks` blocks. */
export async function findTopIdentifiers(sql: PlainSql, query: IdentifierQuery): Promise<IdentifierTop> {
  const { workspaceId, startMs, endMs } = query;
  const heads = await listHeads(sql, workspaceId, { startMs, endMs, limit: maxBlocks + 1 });
  const read = heads.slice(0, maxBlocks);
  const counts = new Map<string, number>();
  for (let at = 0; at < read.length; at += blocksPerQuery) {
    const ids = read.slice(at, at + blocksPerQuery).map(({ id }) => id);
    for (const text of (await readTexts(sql, workspaceId, ids)).values())
      countIdentifiers(counts, text, query);
  }
  const [unread] = heads.slice(maxBlocks);
  const keptSinceMs = (await findCompleteSince(sql, workspaceId)) ?? startMs;
  const top = [...counts].map(([name, count]) => ({ name, count }));
  return {
    top: top.sort((one, other) => other.count - one.count).slice(0, query.limit),
    readSinceMs: Math.max(startMs, keptSinceMs, unread === undefined ? 0 : unread.endMs + 1),
  };
}

function countIdentifiers(counts: Map<string, number>, text: string, query: IdentifierQuery): void {
  for (const line of text.split("\n")) {
    const event = line === "" ? undefined : eventOf(line);
    if (event?.identifier === undefined || !isWanted(event, query)) continue;
    counts.set(event.identifier, (counts.get(event.identifier) ?? 0) + 1);
  }
}

function isWanted(event: ReturnType<typeof eventOf>, query: IdentifierQuery): boolean {
  const { namespaceId, outcome, startMs, endMs } = query;
  if (event.atMs < startMs || event.atMs >= endMs) return false;
  if (namespaceId !== undefined && event.namespaceId !== namespaceId) return false;
  return outcome === undefined || event.outcome === outcome;
}
