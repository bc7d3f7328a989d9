import type { Counters } from "./counters/counters.ts";
import { type Caller, mayAll, mayAny, type Resource } from "./domain/caller.ts";
import { encodeCursor } from "./domain/cursor.ts";
import type { IdPrefix, MakeId } from "./domain/ids.ts";
import { Failure } from "./errors.ts";
import type { Limits, Operation, Page, Permission, RunContext, Write } from "./operation.ts";
import { parseInput } from "./parse.ts";
import type { KeyCache } from "./storage/cache.ts";
import { type Engine, StorageError } from "./storage/engine.ts";
import { type AuditEvent, insertAuditEvents } from "./storage/queries/audit.ts";
import type { Spend, Spent } from "./storage/queries/balances.ts";

/** What operations are run with: one of each for a process. */
export type Services = {
  engine: Engine;
  counters: Counters;
  keyCache: KeyCache;
  spendCredits(spend: Spend): Promise<Spent>;
  /** wall clock, milliseconds since the epoch */
  nowMs(): number;
  newId: MakeId;
  /** from a cryptographically secure source */
  randomBytes(count: number): Uint8Array;
  hashKey(key: string): string;
  limits: Limits;
};

/** Who calls, and what is known of the call. */
export type Call = {
  caller: Caller;
  requestId: string;
  remoteAddress(): string;
  userAgent(): string | undefined;
  /** adds to the call's log event */
  note(fields: Record<string, string | number | boolean>): void;
};

/** What an operation answers: the members of the success envelope beside `meta`. */
export type Answer = { data?: unknown; pagination?: { hasMore: boolean; cursor?: string } };

/**
 * The one path of every call: parse, permit, run, and for a write commit it with its audit trail and evict what
 * was cached of it.
 * Errors: `Failure`; whatever else is thrown is a fault of ours.
 */
export async function run(
  services: Services,
  operation: Operation,
  body: unknown,
  call: Call,
): Promise<Answer> {
  const input = parseInput(operation.input, body);
  permit(operation.permission, call.caller);
  try {
    return answer(operation, await perform(services, operation, input, call));
  } catch (error) {
    throw refusalOf(error);
  }
}

function permit(permission: Permission, caller: Caller): void {
  const [resource = "", scope = "", action = ""] = permission.split(".");
  const permitted = scope === "*" ? mayAll : mayAny;
  if (permitted(caller, resource as Resource, action)) return;
  throw new Failure("insufficient_permissions", {
    detail: `Missing permission: "${resource}.*.${action}".`,
  });
}

async function perform(
  services: Services,
  operation: Operation,
  input: unknown,
  call: Call,
): Promise<unknown> {
  const nowMs = services.nowMs();
  const context = {
    caller: call.caller,
    requestId: call.requestId,
    nowMs,
    limits: services.limits,
    newId: (prefix: IdPrefix) => services.newId(prefix, nowMs),
    randomBytes: services.randomBytes,
    hashKey: services.hashKey,
    note: call.note,
  };
  const { transact } = operation;
  if (transact !== undefined) {
    return write(services, call, nowMs, (tools) => transact(input, { ...context, ...tools }));
  }
  const runContext: RunContext = {
    ...context,
    db: services.engine.db,
    slow: services.engine.slow,
    counters: services.counters,
    keyCache: services.keyCache,
    spendCredits: services.spendCredits,
    inTransaction: (work) => write(services, call, nowMs, work),
  };
  return operation.run?.(input, runContext);
}

/** One transaction with its audit rows; what it changed is evicted before anyone is told that it is done. */
async function write<T>(
  services: Services,
  call: Call,
  nowMs: number,
  work: (tools: Write) => Promise<T>,
): Promise<T> {
  const { caller, requestId } = call;
  let changed = new Set<string>();
  try {
    return await services.engine.transaction(async (tx) => {
      const events: AuditEvent[] = [];
      changed = new Set(); // the engine may run this again
      const result = await work({
        tx,
        evict: (id) => void changed.add(id),
        audit: (event, targetId, fields = []) =>
          void events.push({
            id: services.newId("log", nowMs),
            workspaceId: caller.workspaceId,
            atMs: nowMs,
            requestId,
            actorId: caller.rootKeyId,
            event,
            targetId,
            fields,
            remoteAddress: call.remoteAddress(),
            userAgent: call.userAgent(),
          }),
      });
      await insertAuditEvents(tx, events);
      return result;
    });
  } finally {
    for (const id of changed) services.keyCache.evict(id);
  }
}

function answer(operation: Operation, result: unknown): Answer {
  if (operation.output !== undefined) return { data: result };
  if (operation.page === undefined) return {};
  const { items, nextAfterId } = result as Page<unknown>;
  const pagination =
    nextAfterId === undefined ? { hasMore: false } : { hasMore: true, cursor: encodeCursor(nextAfterId) };
  return { data: items, pagination };
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const headers = { "Retry-After": "1" };
  if (error.reason === "lost") return new Failure("outcome_unknown", { headers, cause: error });
  return new Failure("service_unavailable", {
    detail: unavailableDetail[error.reason],
    headers,
    cause: error,
  });
}

const unavailableDetail = {
  full: "The server's disk is full: nothing was changed.",
  busy: "The database is busy: nothing was changed.",
  unavailable: "The database cannot be reached just now: nothing was changed.",
  newer_schema: "The database belongs to a newer version of this server.",
  in_use: "The database is used by another server.",
} as const;
