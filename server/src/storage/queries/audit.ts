import { prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";

/** One change, who made it and from where; `fields` are names of what changed. */
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
};

export async function insertAuditEvents(tx: Tx, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({
    ...event,
    fields: JSON.stringify(event.fields),
    remoteAddress: event.remoteAddress ?? null,
    userAgent: event.userAgent ?? null,
  }));
  await insertRows(tx, { rows });
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["auditEvents"][] }) =>
  db.insertInto("auditEvents").values(rows).compile(),
);

/** Whether a change of this request was committed. */
export async function findAuditOfRequest(db: Db, workspaceId: string, requestId: string): Promise<boolean> {
  const row = await db
    .selectFrom("auditEvents")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("requestId", "=", requestId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export type AuditFilter = {
  /** rows whose id comes after this in byte order */
  afterId: string | undefined;
  limit: number;
  event?: string | undefined;
  actorId?: string | undefined;
  targetId?: string | undefined;
  /** inclusive */
  startMs?: number | undefined;
  /** exclusive */
  endMs?: number | undefined;
};

/** Changes in the order in which they were made. */
export async function listAuditEvents(
  db: Db,
  workspaceId: string,
  filter: AuditFilter,
): Promise<AuditEvent[]> {
  const { afterId, event, actorId, targetId, startMs, endMs } = filter;
  let query = db
    .selectFrom("auditEvents")
    .selectAll()
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .limit(filter.limit);
  if (afterId !== undefined) query = query.where("id", ">", afterId);
  if (event !== undefined) query = query.where("event", "=", event);
  if (actorId !== undefined) query = query.where("actorId", "=", actorId);
  if (targetId !== undefined) query = query.where("targetId", "=", targetId);
  if (startMs !== undefined) query = query.where("atMs", ">=", startMs);
  if (endMs !== undefined) query = query.where("atMs", "<", endMs);
  const rows = await query.execute();
  return rows.map((row) => ({
    ...row,
    fields: parseNames(row.fields),
    remoteAddress: row.remoteAddress ?? undefined,
    userAgent: row.userAgent ?? undefined,
  }));
}

function parseNames(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

/** Deletes at most `limit` events of all workspaces from before `beforeMs`; answers how many there were. */
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
