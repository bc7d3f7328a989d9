import { eventId, eventTimeMs, positionAfter } from "../domain/eventId.ts";
import { createdAtMs } from "../domain/ids.ts";
import { type EventKind, kindOf } from "../domain/usage.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import { type BlockHead, findCompleteSince, listHeads, readTexts } from "./blocks.ts";
import { eventOf, type RecordedEvent } from "./lines.ts";

/** Which events a caller asks for, and which events the caller is allowed to see. */
export type EventQuery = {
  workspaceId: string;
  limit: number;
  /** the id of the last event of the previous page, or an id that only marks a position in time */
  afterId: string | undefined;
  startMs: number | undefined;
  endMs: number | undefined;
  kind: EventKind | undefined;
  keyId: string | undefined;
  /** the hash of the key `keyId`, to also find events that were recorded after the key was deleted */
  keyHash: string | undefined;
  identityId: string | undefined;
  apiId: string | undefined;
  namespaceId: string | undefined;
  identifier: string | undefined;
  outcome: string | undefined;
  tag: string | undefined;
  requestId: string | undefined;
  /** the apis and namespaces whose events the caller may see */
  apis: readonly string[] | "all";
  namespaces: readonly string[] | "all";
};

export type FoundEvent = RecordedEvent & { id: string };

/**
 * A page of events. Any page may have fewer events than the limit, or none. `nextId` is the `afterId` of the next page,
 * and undefined only on the last page. `completeSinceMs` is the time from which the workspace's events are complete.
 */
export type EventPage = {
  events: FoundEvent[];
  nextId: string | undefined;
  completeSinceMs: number | undefined;
};

/** A page ends after this many characters or blocks were read for it, but not before at least one block was read. */
const maxChars = 4 * 1024 * 1024;
const maxBlocks = 256;
/**
 * How much earlier or later an event can be than the time in its request's id, unless the clock was set in between. A
 * query for a request first reads only the events within this range. If it finds no match there, it reads all events.
 */
const aroundRequestMs = { before: 1_000, after: 10_000 };

/** Finds a page of events, newest first. */
export async function findEvents(sql: PlainSql, query: EventQuery): Promise<EventPage> {
  const completeSinceMs = await findCompleteSince(sql, query.workspaceId);
  const atMs = query.requestId === undefined ? undefined : createdAtMs(query.requestId);
  if (atMs !== undefined && query.afterId === undefined) {
    const startMs = Math.max(query.startMs ?? 0, atMs - aroundRequestMs.before);
    const endMs = Math.min(query.endMs ?? Number.MAX_SAFE_INTEGER, atMs + aroundRequestMs.after);
    const page = await readPage(sql, { ...query, startMs, endMs });
    if (page.events.length > 0) return { ...page, completeSinceMs };
  }
  return { ...(await readPage(sql, query)), completeSinceMs };
}

type Page = Omit<EventPage, "completeSinceMs">;

/** The maximum number of times that a page is planned again because blocks were merged or deleted during reading. */
const restarts = 3;

/**
 * The plan for a page: which blocks to read, and how to find the matching events. The block with the latest event comes
 * first in `heads`.
 */
type Plan = {
  limit: number;
  /** only events before this time are read */
  beforeMs: number;
  heads: readonly BlockHead[];
  /** the maximum number of blocks to read */
  most: number;
  texts(ids: readonly string[]): Promise<Map<string, string>>;
  eventsIn(text: string): FoundEvent[];
};

async function readPage(sql: PlainSql, query: EventQuery): Promise<Page> {
  let most = maxBlocks;
  for (let attempt = 0; ; attempt += 1) {
    const read = await readPlanned(await plan(sql, query, most), attempt === restarts);
    if (read !== "too few" && read !== "changed") return read;
    if (read === "too few") most *= 4;
  }
}

async function plan(sql: PlainSql, query: EventQuery, most: number): Promise<Plan> {
  const { startMs = 0, endMs = Number.MAX_SAFE_INTEGER, limit, workspaceId, afterId } = query;
  const afterMs = afterId === undefined ? undefined : eventTimeMs(afterId);
  const beforeMs = afterMs === undefined ? endMs : Math.min(endMs, afterMs + 1);
  return {
    limit,
    beforeMs,
    heads: await listHeads(sql, workspaceId, { startMs, endMs: beforeMs, limit: most + 1 }),
    most,
    texts: (ids) => readTexts(sql, workspaceId, ids),
    eventsIn: finder(query, startMs, beforeMs),
  };
}

/**
 * `found` has the events of the page in their final order. `pool` has events that are read but not yet placed, because
 * blocks overlap in time: a block that is still unread may contain later events. `chars` is how much text was read.
 */
type Progress = { found: FoundEvent[]; pool: FoundEvent[]; chars: number };

/**
 * Reads a page as planned. Returns `changed` if another node has merged or deleted blocks meanwhile. Returns `too few`
 * if the planned blocks do not suffice, which happens if very many blocks have events of the same millisecond.
 */
async function readPlanned(plan: Plan, isLastAttempt: boolean): Promise<Page | "too few" | "changed"> {
  const progress: Progress = { found: [], pool: [], chars: 0 };
  for (let at = 0; at < plan.heads.length; ) {
    const group = plan.heads.slice(at, at + Math.min(8, 1 + at));
    const latestMs = group[0]?.endMs ?? 0;
    place(progress, latestMs);
    const end = endBefore(plan, progress, at, latestMs);
    if (end !== undefined) return end;
    const isWhole = await load(plan, progress, group);
    if (!isWhole && !isLastAttempt) return "changed";
    at += group.length;
  }
  place(progress, -1);
  return pageOf(progress.found, plan.limit);
}

/** Returns the page if it is complete without the block at index `at`, and `undefined` if that block must be read. */
function endBefore(
  { limit, most, beforeMs }: Plan,
  { found, chars }: Progress,
  at: number,
  latestMs: number,
) {
  if (found.length > limit) return pageOf(found, limit);
  const isFull = chars > maxChars || at >= most;
  if (isFull && latestMs < beforeMs - 1) return { events: found, nextId: positionAfter(latestMs) };
  return at >= most ? ("too few" as const) : undefined;
}

/** Reads the matching events of these blocks into the pool. Returns whether all of the blocks still exist. */
async function load(plan: Plan, progress: Progress, group: readonly BlockHead[]): Promise<boolean> {
  const texts = await plan.texts(group.map(({ id }) => id));
  for (const text of texts.values()) {
    progress.pool.push(...plan.eventsIn(text));
    progress.chars += text.length;
  }
  return texts.size === group.length;
}

/** Moves the events that are later than `afterMs` from the pool to the end of the page, newest first. */
function place(progress: Progress, afterMs: number): void {
  const ready = progress.pool.filter(({ atMs }) => atMs > afterMs);
  progress.found.push(...ready.sort((one, other) => (one.id < other.id ? 1 : -1)));
  progress.pool = progress.pool.filter(({ atMs }) => atMs <= afterMs);
}

function pageOf(found: readonly FoundEvent[], limit: number): Page {
  const events = found.slice(0, limit);
  return { events, nextId: found.length > limit ? events.at(-1)?.id : undefined };
}

/** Returns a function that finds the events in a block's text that match the query. */
function finder(query: EventQuery, startMs: number, beforeMs: number): (text: string) => FoundEvent[] {
  const needles = needlesOf(query);
  return (text) => {
    const found: FoundEvent[] = [];
    for (const line of new Set(needles.flatMap((needle) => linesWith(text, needle)))) {
      const event = eventOf(line);
      if (event.atMs < startMs || event.atMs >= beforeMs || !isWanted(event, query)) continue;
      const id = eventId(event);
      if (query.afterId === undefined || id < query.afterId) found.push({ ...event, id });
    }
    return found;
  };
}

/**
 * Returns texts to search for. The line of every matching event contains at least one of these texts. So only lines
 * with one of them are parsed, which is much faster than parsing all lines.
 */
function needlesOf(query: EventQuery): string[] {
  const { requestId, keyId, keyHash, identityId, identifier, tag, namespaceId, outcome, apiId } = query;
  if (requestId !== undefined) return [requestId];
  if (keyId !== undefined) return keyHash === undefined ? [keyId] : [keyId, keyHash];
  const chosen = identifier ?? tag;
  const quoted = chosen === undefined ? undefined : JSON.stringify(chosen);
  const bounded = outcome === undefined ? undefined : `\t${outcome}\t`;
  return [identityId ?? quoted ?? namespaceId ?? bounded ?? apiId ?? ""];
}

function linesWith(text: string, needle: string): string[] {
  const lines: string[] = [];
  for (let from = 0; from < text.length; ) {
    const at = text.indexOf(needle, from);
    if (at === -1) break;
    const end = text.indexOf("\n", at);
    lines.push(text.slice(at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1, end));
    from = end + 1;
  }
  return lines;
}

const exact = ["requestId", "identityId", "apiId", "namespaceId", "identifier", "outcome"] as const;

function isWanted(event: RecordedEvent, query: EventQuery): boolean {
  if (query.kind !== undefined && query.kind !== kindOf(event)) return false;
  if (query.tag !== undefined && !event.tags.includes(query.tag)) return false;
  if (!isVisible(event, query)) return false;
  if (query.keyId !== undefined && !isOfKey(event, query)) return false;
  return exact.every((name) => query[name] === undefined || query[name] === event[name]);
}

function isOfKey(event: RecordedEvent, { keyId, keyHash }: EventQuery): boolean {
  return event.keyId === keyId || (keyHash !== undefined && event.keyHash === keyHash);
}

function isVisible({ apiId, namespaceId }: RecordedEvent, { apis, namespaces }: EventQuery): boolean {
  if (namespaceId !== undefined) return namespaces === "all" || namespaces.includes(namespaceId);
  return apis === "all" || (apiId !== undefined && apis.includes(apiId));
}
