import type { Db, Tx } from "../schema.ts";

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
  await tx.insertInto("auditEvents").values(rows).execute();
}

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
