import type { Counters } from "./counters/counters.ts";
import { type Caller, mayAll, mayAny, type Resource } from "./domain/caller.ts";
import type { Spent } from "./domain/credits.ts";
import { encodeCursor } from "./domain/cursor.ts";
import type { MakeId } from "./domain/ids.ts";
import { type Soon, soon } from "./domain/soon.ts";
import { Failure } from "./errors.ts";
import type { Usage } from "./events/usage.ts";
import type { Audit, Limits, Operation, Page, Permission, Recovery, RunContext, Write } from "./operation.ts";
import { parseInput } from "./parse.ts";
import type { KeyCache, NamespaceCache } from "./storage/cache.ts";
import { type Engine, StorageError } from "./storage/engine.ts";
import { type AuditEvent, findAuditOfRequest, insertAuditEvents } from "./storage/queries/audit.ts";
import type { Spend } from "./storage/queries/balances.ts";
import { claimIdempotency, setIdempotentAnswer } from "./storage/queries/idempotency.ts";
import type { Tx } from "./storage/schema.ts";

/** What operations are run with: one of each for a process. */
export type Services = {
  engine: Engine;
  counters: Counters;
  keyCache: KeyCache;
  namespaceCache: NamespaceCache;
  usage: Usage;
  spendCredits(spend: Spend): Promise<Spent>;
  /** wall clock, milliseconds since the epoch */
  nowMs(): number;
  newId: MakeId;
  /** from a cryptographically secure source */
  randomBytes(count: number): Uint8Array;
  hashKey(key: string): string;
  recovery: Recovery | undefined;
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
  /** what a repeated call goes by; only writes look at it */
  idempotency?: Idempotency | undefined;
};

/** A call that may be sent again: `id` names it, and its answer is kept sealed. */
export type Idempotency = {
  id: string;
  bodyHash: string;
  seal(text: string): string;
  open(sealed: string): string;
};

/** What an operation answers: the members of the success envelope beside `meta`. */
export type Answer = {
  data?: unknown;
  pagination?: { hasMore: boolean; cursor?: string };
  /** the request that did the work, where this answer repeats it */
  replayOf?: string;
};

/**
 * The one path of every call: parse, permit, run, and for a write commit it with its audit trail and evict what
 * was cached of it. The answer is there at once where nothing had to be waited for; errors may be thrown at once too.
 * Errors: `Failure`, `StorageError` (see `refusalOf`); whatever else is thrown is a fault of ours.
 */
export function run(services: Services, operation: Operation, body: unknown, call: Call): Soon<Answer> {
  const input = parseInput(operation.input, body);
  permit(operation.permission, call.caller);
  for (const permission of operation.alsoNeeds ?? []) permit(permission, call.caller);
  const nowMs = services.nowMs();
  const context = contextOf(services, call, nowMs);
  const { transact } = operation;
  if (transact === undefined) {
    return soon(operation.run?.(input, context), (result) => answer(operation, result));
  }
  return write(services, call, nowMs, (tools) =>
    once(tools.tx, call, nowMs, async () =>
      answer(operation, await transact(input, { ...context, ...tools })),
    ),
  );
}

function permit(permission: Permission, caller: Caller): void {
  const [resource = "", scope = "", action = ""] = wordsOf(permission);
  const permitted = scope === "*" ? mayAll : mayAny;
  if (permitted(caller, resource as Resource, action)) return;
  throw new Failure("insufficient_permissions", {
    detail: `Missing permission: "${resource}.*.${action}".`,
  });
}

const permissionWords = new Map<Permission, readonly string[]>();

/** Split once: there are as many as operations name. */
function wordsOf(permission: Permission): readonly string[] {
  let words = permissionWords.get(permission);
  if (words === undefined) {
    words = permission.split(".");
    permissionWords.set(permission, words);
  }
  return words;
}

/** All that operations get; what each may use of it is said by the types of its body. */
function contextOf(services: Services, call: Call, nowMs: number): RunContext {
  return {
    caller: call.caller,
    requestId: call.requestId,
    nowMs,
    limits: services.limits,
    newId: (prefix) => services.newId(prefix, nowMs),
    randomBytes: services.randomBytes,
    hashKey: services.hashKey,
    recovery: services.recovery,
    note: call.note,
    db: services.engine.db,
    slow: services.engine.slow,
    counters: services.counters,
    keyCache: services.keyCache,
    namespaceCache: services.namespaceCache,
    usage: services.usage,
    spendCredits: services.spendCredits,
    inTransaction: (work) => write(services, call, nowMs, work),
  };
}

/** Does the work once for each Idempotency-Key: a repeated call gets the first one's answer. */
async function once(tx: Tx, call: Call, nowMs: number, work: () => Promise<Answer>): Promise<Answer> {
  const { idempotency, requestId } = call;
  if (idempotency === undefined) return work();
  const { id, bodyHash } = idempotency;
  const { workspaceId } = call.caller;
  const first = await claimIdempotency(tx, { id, workspaceId, bodyHash, nowMs }).catch(stillUnderWay);
  if (first !== undefined && first.bodyHash !== bodyHash) throw new Failure("idempotency_key_reused");
  if (first !== undefined) return JSON.parse(idempotency.open(first.answer)) as Answer;
  const made = await work();
  const kept = JSON.stringify({ ...made, replayOf: requestId } satisfies Answer);
  await setIdempotentAnswer(tx, workspaceId, id, idempotency.seal(kept));
  return made;
}

/** The engine gave up waiting for the transaction that has the same key. */
function stillUnderWay(error: unknown): never {
  if (error instanceof StorageError && error.reason === "busy") throw new Failure("idempotency_in_progress");
  throw error;
}

/** One transaction with its audit rows; what it changed is evicted before anyone is told that it is done. */
async function write<T>(
  services: Services,
  call: Call,
  nowMs: number,
  work: (tools: Write) => Promise<T>,
): Promise<T> {
  let changed = new Set<string>();
  let result: { value: T } | undefined;
  try {
    await services.engine.transaction(async (tx) => {
      const events: AuditEvent[] = [];
      changed = new Set(); // the engine may run this again
      const evict = (id: string) => void changed.add(id);
      result = { value: await work({ tx, evict, audit: auditInto(events, services, call, nowMs) }) };
      await insertAuditEvents(tx, events);
      await services.engine.recordChanges(tx, changed);
    });
  } catch (error) {
    if (!(await wasCommitted(services, call, error))) throw error;
  } finally {
    for (const id of changed) {
      services.keyCache.evict(id);
      services.namespaceCache.evict(id);
    }
  }
  if (result === undefined) throw new Error("a transaction ended without its result");
  return result.value;
}

function auditInto(events: AuditEvent[], services: Services, call: Call, nowMs: number): Audit {
  return (event, targetId, fields = []) =>
    void events.push({
      id: services.newId("log", nowMs),
      workspaceId: call.caller.workspaceId,
      atMs: nowMs,
      requestId: call.requestId,
      actorId: call.caller.rootKeyId,
      event,
      targetId,
      fields,
      remoteAddress: call.remoteAddress(),
      userAgent: call.userAgent(),
    });
}

/**
 * Where the answer to a commit was lost: whether the database has its audit row. True: the change counts. That it
 * has not says nothing yet, as the server may still be at it.
 */
async function wasCommitted({ engine }: Services, call: Call, error: unknown): Promise<boolean> {
  if (!(error instanceof StorageError) || error.reason !== "lost") return false;
  try {
    if (!(await findAuditOfRequest(engine.db, call.caller.workspaceId, call.requestId))) return false;
    // it may be here and not yet on the standby that commits wait for; where a later commit is, it is
    await engine.transaction((tx) => engine.recordChanges(tx, new Set([call.requestId])));
    return true;
  } catch {
    return false;
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

/** What a caller is told of an error: the database's circumstances are no faults of ours. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const headers = { "Retry-After": "1" };
  if (error.reason === "lost" || error.reason === "not_durable")
    return new Failure("outcome_unknown", { headers, cause: error });
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
