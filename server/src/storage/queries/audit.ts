import { inBatches } from "../batches.ts";
import { prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { direction, rowBudget, type Walk, within } from "./walk.ts";

/** A change in the audit trail, with its actor and its origin. `fields` are the names of the changed fields. */
export type AuditEvent = {
  id: string;
  workspaceId: string;
  atMs: number;
  requestId: string;
  actorId: string;
  event: string;
  targetId: string;
  fields: readonly string[];
  remoteAddress: string | undefined;
  userAgent: string | undefined;
  /** where the change came from; undefined: an API request or the command line */
  via: "console" | undefined;
};

export async function insertAuditEvents(tx: Tx, events: readonly AuditEvent[]): Promise<void> {
  const rows = events.map((event) => ({
    ...event,
    fields: JSON.stringify(event.fields),
    remoteAddress: event.remoteAddress ?? null,
    userAgent: event.userAgent ?? null,
    via: event.via ?? null,
  }));
  await inBatches(rows, (batch) => insertRows(tx, { rows: batch }));
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["auditEvents"][] }) =>
  db.insertInto("auditEvents").values(rows).compile(),
);

/** Returns whether this event is stored, which means that the transaction that recorded it was committed. */
export async function hasAuditEvent(db: Db, workspaceId: string, id: string): Promise<boolean> {
  return (await selectId(db, { workspaceId, id })).length > 0;
}

const selectId = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("auditEvents")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Finds the latest event of this kind about the record with this id. */
export async function findLastAuditEvent(
  db: Db,
  workspaceId: string,
  of: { event: string; targetId: string },
): Promise<{ id: string; atMs: number } | undefined> {
  return (await selectLast(db, { workspaceId, event: of.event, targetId: of.targetId }))[0];
}

const selectLast = prepared((db, of: { workspaceId: string; event: string; targetId: string }) =>
  db
    .selectFrom("auditEvents")
    .select(["id", "atMs"])
    .where("workspaceId", "=", of.workspaceId)
    .where("targetId", "=", of.targetId)
    .where("event", "=", of.event)
    .orderBy("id", "desc")
    .limit(1)
    .compile(),
);

export type AuditFilter = Walk & {
  /** only events whose id is greater than this id, whether the list is oldest first or newest first */
  aboveId?: string | undefined;
  /** the id of the last event that may be read; if undefined, the list may be read to its end */
  untilId?: string | undefined;
  requestId?: string | undefined;
  event?: string | undefined;
  actorId?: string | undefined;
  targetId?: string | undefined;
  /** only changes at this time or later */
  startMs?: number | undefined;
  /** only changes before this time */
  endMs?: number | undefined;
};

/** Lists changes, oldest first or newest first. */
export async function listAuditEvents(
  db: Db,
  workspaceId: string,
  filter: AuditFilter,
): Promise<AuditEvent[]> {
  const { afterId, limit, descending = false, aboveId, untilId } = filter;
  const { requestId, event, actorId, targetId, startMs, endMs } = filter;
  const walk = { workspaceId, afterId, limit, descending, aboveId, untilId };
  const rows = await selectPage(db, { ...walk, requestId, event, actorId, targetId, startMs, endMs });
  return rows.map((row) => ({
    ...row,
    fields: parseNames(row.fields),
    remoteAddress: row.remoteAddress ?? undefined,
    userAgent: row.userAgent ?? undefined,
    via: row.via === "console" ? row.via : undefined,
  }));
}

/**
 * Returns the id of the last event that a search may read. A search may read `rowBudget` events. If the list has fewer,
 * returns `undefined`.
 */
export async function lastAuditIdOfBudget(
  db: Db,
  workspaceId: string,
  { afterId, descending = false, aboveId }: AuditFilter,
): Promise<string | undefined> {
  return (await selectLastOfBudget(db, { workspaceId, afterId, descending, aboveId }))[0]?.id;
}

type Budgeted = {
  workspaceId: string;
  afterId: string | undefined;
  descending: boolean;
  aboveId: string | undefined;
};

const selectLastOfBudget = prepared((db, { workspaceId, aboveId, ...walk }: Budgeted) => {
  const query = db
    .selectFrom("auditEvents")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where(within("id", walk))
    .orderBy("id", direction(walk))
    .limit(1)
    .offset(rowBudget - 1);
  return (aboveId === undefined ? query : query.where("id", ">", aboveId)).compile();
});

type Page = { workspaceId: string } & { [Name in keyof Required<AuditFilter>]: AuditFilter[Name] };

const selectPage = prepared((db, page: Page) => {
  let query = db
    .selectFrom("auditEvents")
    .selectAll()
    .where("workspaceId", "=", page.workspaceId)
    .where(within("id", page, page.untilId))
    .orderBy("id", direction(page))
    .limit(page.limit);
  if (page.aboveId !== undefined) query = query.where("id", ">", page.aboveId);
  if (page.requestId !== undefined) query = query.where("requestId", "=", page.requestId);
  if (page.event !== undefined) query = query.where("event", "=", page.event);
  if (page.actorId !== undefined) query = query.where("actorId", "=", page.actorId);
  if (page.targetId !== undefined) query = query.where("targetId", "=", page.targetId);
  if (page.startMs !== undefined) query = query.where("atMs", ">=", page.startMs);
  if (page.endMs !== undefined) query = query.where("atMs", "<", page.endMs);
  return query.compile();
});

function parseNames(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

/** Deletes at most `limit` events that are older than `beforeMs`, in all workspaces. Returns how many it deleted. */
export async function deleteOldAuditEvents(tx: Tx, beforeMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom("auditEvents")
    .select("id")
    .where("atMs", "<", beforeMs)
    .orderBy("atMs")
    .limit(limit);
  const rows = await tx.deleteFrom("auditEvents").where("id", "in", old).returning("id").execute();
  return rows.length;
}
