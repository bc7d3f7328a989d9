import { type Caller, serverPermission } from "../domain/caller.ts";
import { Failure } from "../errors/failure.ts";
import { callerOf } from "../http/authenticate.ts";
import type { Services } from "../services.ts";
import { type AuditEvent, insertAuditEvents } from "../storage/queries/audit.ts";
import {
  type ConsoleSession,
  deleteConsoleSession,
  findConsoleSession,
  insertConsoleSession,
  touchConsoleSession,
} from "../storage/queries/consoleSessions.ts";
import type { Tx } from "../storage/schema.ts";

const idleMs = 30 * 60 * 1000;
const longestMs = 12 * 60 * 60 * 1000;
const touchedEveryMs = 60 * 1000;
const mostPerRootKey = 20;
const secretBytes = 32;

export type Session = {
  id: string;
  caller: Caller;
  /** when the session ends unless it is used before */
  endsAtMs: number;
};

/** The origin of a request, for the audit trail. */
export type Origin = Pick<AuditEvent, "requestId" | "remoteAddress" | "userAgent">;

export type Sessions = {
  /** Starts a session, and returns its secret. */
  start(caller: Caller, byLink: boolean, origin: Origin): Promise<string>;
  /**
   * Finds the session with this secret. Reads the session and its root key from the database each time: so the sessions
   * of a revoked root key end at once on every node. Errors: `console_session_missing`, `workspace_disabled`,
   * `root_key_disabled`, `root_key_expired`.
   */
  find(secret: string | undefined): Promise<Session>;
  end(session: Session, origin: Origin): Promise<void>;
};

/** Creates the store of console sessions. It stores only the hashes of their secrets. */
export function sessions({ engine, db, now, newId, randomBytes, hashKey }: Services): Sessions {
  const audited = (event: string, { workspaceId, rootKeyId }: Caller, origin: Origin): AuditEvent => ({
    ...origin,
    id: newId("log"),
    workspaceId,
    atMs: now(),
    actorId: rootKeyId,
    event,
    targetId: rootKeyId,
    fields: [],
    via: "console",
  });

  async function touch({ id, seenAtMs }: ConsoleSession, nowMs: number): Promise<void> {
    if (nowMs - seenAtMs < touchedEveryMs) return;
    const write = (tx: Tx) => touchConsoleSession(tx, id, nowMs);
    await engine.transaction(write).catch(() => {}); // if the write fails, the user can still read
  }

  return {
    async start(caller, byLink, origin) {
      const secret = Buffer.from(randomBytes(secretBytes)).toString("base64url");
      const { workspaceId, rootKeyId } = caller;
      await engine.transaction(async (tx) => {
        const session = { id: hashKey(secret), workspaceId, rootKeyId, byLink, nowMs: now() };
        await insertConsoleSession(tx, session, mostPerRootKey);
        await insertAuditEvents(tx, [audited("console.login", caller, origin)]);
      });
      return secret;
    },
    async find(secret) {
      const nowMs = now();
      const found = secret === undefined ? undefined : await findConsoleSession(db, hashKey(secret));
      if (found === undefined || hasEnded(found, nowMs)) throw new Failure("console_session_missing");
      const caller = callerOfSession(found, callerOf(found.rootKey, { nowMs: now }));
      await touch(found, nowMs);
      return { id: found.id, caller, endsAtMs: endOf(found, nowMs) };
    },
    async end({ id, caller }, origin) {
      await engine.transaction(async (tx) => {
        if (!(await deleteConsoleSession(tx, id))) return;
        await insertAuditEvents(tx, [audited("console.logout", caller, origin)]);
      });
    },
  };
}

/**
 * Returns the caller of a session. If the session began with a login link, the caller may also see the server's
 * status: the link is printed in the server's output, so its user has access to the server.
 */
function callerOfSession({ byLink }: ConsoleSession, caller: Caller): Caller {
  return byLink ? { ...caller, permissions: new Set([...caller.permissions, serverPermission]) } : caller;
}

/**
 * Whether a session has ended. A session from far in the future counts as ended: it began while the clock was wrong,
 * and would otherwise last for years.
 */
function hasEnded({ createdAtMs, seenAtMs }: ConsoleSession, nowMs: number): boolean {
  return nowMs - createdAtMs >= longestMs || nowMs - seenAtMs >= idleMs || createdAtMs - nowMs >= longestMs;
}

function endOf({ createdAtMs, rootKey }: ConsoleSession, nowMs: number): number {
  return Math.min(nowMs + idleMs, createdAtMs + longestMs, rootKey.expiresAtMs ?? Number.MAX_SAFE_INTEGER);
}
