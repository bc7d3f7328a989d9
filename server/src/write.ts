import type { Caller } from "./domain/caller.ts";
import type { Audit, Write } from "./operation.ts";
import type { Services } from "./services.ts";
import { StorageError } from "./storage/engine.ts";
import { type AuditEvent, hasAuditEvent, insertAuditEvents } from "./storage/queries/audit.ts";

/** Who sends a call, as the audit trail shows it. */
export type Sender = {
  caller: Caller;
  requestId: string;
  remoteAddress(): string;
  userAgent(): string | undefined;
  /** where the call comes from; undefined: the API */
  via: "console" | undefined;
};

/**
 * Runs a transaction and stores its audit events in it. Evicts the changed records from the caches before it returns.
 */
export async function write<T>(
  services: Services,
  sender: Sender,
  work: (tools: Write) => Promise<T>,
): Promise<T> {
  let changed = new Set<string>();
  let firstEvent: AuditEvent | undefined;
  let result: { value: T } | undefined;
  try {
    await services.engine.transaction(async (tx) => {
      const events: AuditEvent[] = [];
      changed = new Set(); // the engine may run this function again
      const evict = (id: string) => void changed.add(id);
      result = { value: await work({ tx, evict, audit: auditInto(events, services, sender) }) };
      firstEvent = events[0];
      // both statements are sent at once, so over a network they take one round trip
      await Promise.all([insertAuditEvents(tx, events), services.engine.recordChanges(tx, changed)]);
    });
  } catch (error) {
    if (!(await wasCommitted(services, firstEvent, error))) throw error;
  } finally {
    for (const id of changed) services.caches.evict(id);
  }
  if (result === undefined) throw new Error("a transaction ended without its result");
  return result.value;
}

function auditInto(events: AuditEvent[], services: Services, sender: Sender): Audit {
  return (event, targetId, fields = []) => {
    events.push({
      id: services.newId("log"),
      workspaceId: sender.caller.workspaceId,
      atMs: services.now(),
      requestId: sender.requestId,
      actorId: sender.caller.rootKeyId,
      event,
      targetId,
      fields,
      remoteAddress: sender.remoteAddress(),
      userAgent: sender.userAgent(),
      via: sender.via,
    });
  };
}

/**
 * Finds out whether a transaction was committed although the response to its commit was lost. If it was, its first
 * audit event is in the database. If this returns false, the database may still commit the transaction later.
 */
async function wasCommitted(
  { engine }: Services,
  event: AuditEvent | undefined,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof StorageError) || error.reason !== "lost" || event === undefined) return false;
  try {
    if (!(await hasAuditEvent(engine.db, event.workspaceId, event.id))) return false;
    // PostgreSQL's synchronous standby may not have the event yet; once it has this later commit, it has the event, too
    await engine.transaction((tx) => engine.recordChanges(tx, new Set([event.requestId])));
    return true;
  } catch {
    return false;
  }
}
